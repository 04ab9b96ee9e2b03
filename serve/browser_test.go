package serve

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"spatten/checkpoint"
	"spatten/internal/shared"
	"spatten/models"
	"spatten/tensor"
)

// chromium returns the browser's path, or skips.
func chromium(t *testing.T) string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no Chromium on this machine (Debian's package is chromium)")
	return ""
}

// TestPage opens the page in a real browser, runs an example, moves a slider and looks at all three views. With
// SPATTEN_SCREENSHOTS set to a folder it leaves the pictures of the documentation there.
func TestPage(t *testing.T) {
	browser := chromium(t)
	s := New(Defaults)
	cpu := tensor.NewCPU(0, tensor.F32)
	defer cpu.Close()
	// The models that come with the program do not chat; where reference models are, one of them does.
	names := models.Names()
	smollm := filepath.Join(shared.Root(t), "..", "shared", "models", "smollm2-135m-instruct")
	_, missing := os.Stat(smollm)
	if missing == nil {
		names = append(names, smollm)
	}
	for _, name := range names {
		c, err := checkpoint.OpenNamed(name)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := s.Add(filepath.Base(name), c, cpu); err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewServer(s.Handler())
	defer server.Close()
	defer s.Close(context.Background())

	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(browser), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1100, 900))
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	p := &browserPage{t: t, ctx: ctx}
	p.do(chromedp.Navigate("about:blank"))
	var mu sync.Mutex
	go func() {
		for m := range chromedp.Console(ctx) {
			if m.IsException() || m.Type == "error" || m.Type == "warning" {
				mu.Lock()
				p.complaints = append(p.complaints, m.String())
				mu.Unlock()
			}
		}
	}()

	p.do(chromedp.Navigate(server.URL))
	p.wait(`document.querySelectorAll("#model option").length > 0`)
	p.script(`document.querySelector("#model").value = "sentiment"; document.querySelector("#model").dispatchEvent(new Event("change"))`)
	p.do(chromedp.Click(chromedp.CSS("#run")))
	p.wait(`document.querySelector("#status").textContent === "done"`)
	kept := `document.querySelector("#cards").dataset.kept`
	before := p.read(kept)
	if answer := p.read(`document.querySelector("#answer").textContent`); !strings.Contains(answer, "positive") {
		t.Errorf("the answer reads %q", answer)
	}
	p.shot("pruning")
	p.script(`const s = document.querySelector("#s-tokens"); s.value = 0.3; s.dispatchEvent(new Event("input", {bubbles: true}))`)
	p.wait(fmt.Sprintf(`%s !== %q && document.querySelector("#status").textContent === "done"`, kept, before))
	if after := p.read(kept); after >= before {
		t.Errorf("fewer tokens were asked for; kept %s, then %s", before, after)
	}

	// The tabs work by keyboard.
	p.do(chromedp.Focus(chromedp.CSS("#tab-pruning")))
	p.script(`document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight", bubbles: true}))`)
	p.wait(`!document.querySelector("#view-accelerator").hidden`)
	p.do(chromedp.Click(chromedp.CSS("#simulate")))
	p.wait(`document.querySelector("#simulate-status").textContent === "done"`)
	if cycles := p.read(`document.querySelector("#simulation").textContent`); !strings.Contains(cycles, "cycles") {
		t.Errorf("the simulation reads %q", cycles)
	}
	p.shot("accelerator")
	p.do(chromedp.Click(chromedp.CSS("#tab-chat")))
	p.wait(`!document.querySelector("#view-chat").hidden`)
	if missing == nil {
		p.script(`const k = document.querySelector("#chat-text"); k.value = "Hi"; document.querySelector("#chat-keep").value = 0.5; document.querySelector("#chat-form").requestSubmit()`)
		p.wait(`document.querySelectorAll("#chat-log .assistant .word").length > 3 && document.querySelector("#chat-status").textContent === ""`)
	}
	p.shot("chat")

	if n := p.read(`String(performance.getEntriesByType("resource").filter(r => !r.name.startsWith(location.origin)).length)`); n != "0" {
		t.Errorf("%s requests went to other hosts", n)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, c := range p.complaints {
		t.Errorf("the browser complains: %s", c)
	}
}

// browserPage drives the page; every step that fails ends the test.
type browserPage struct {
	t          *testing.T
	ctx        context.Context
	complaints []string
}

func (p *browserPage) do(a chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, a); err != nil {
		p.t.Fatal(err)
	}
}

// script runs statements.
func (p *browserPage) script(js string) {
	p.t.Helper()
	p.do(chromedp.Evaluate[chromedp.Void]("{" + js + "}"))
}

// read evaluates an expression that is a string.
func (p *browserPage) read(js string) string {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](js))
	if err != nil {
		p.t.Fatalf("%s: %v", js, err)
	}
	return v
}

// wait waits for an expression to hold.
func (p *browserPage) wait(js string) {
	p.t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if p.read("String(Boolean("+js+"))") == "true" {
			return
		}
		if time.Now().After(end) {
			p.t.Fatalf("never came true: %s; status %q", js, p.read(`[...document.querySelectorAll("[role=status]")].map(e => e.textContent).join(" / ")`))
		}
	}
}

// shot leaves a picture where SPATTEN_SCREENSHOTS, a folder below the root of the checkout, asks for it.
func (p *browserPage) shot(name string) {
	p.t.Helper()
	dir := os.Getenv("SPATTEN_SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(shared.Root(p.t), dir, name+".png"), png, 0o644)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}
