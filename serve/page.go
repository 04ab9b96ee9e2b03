package serve

import (
	"net/http"

	"spatten/attention"
	"spatten/web"
)

// contentPolicy lets the page load nothing but what this server gives it.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// page serves the page and what it asks for.
func (s *Server) page(mux *http.ServeMux) {
	files := http.FileServerFS(web.Files)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", contentPolicy)
		w.Header().Set("Referrer-Policy", "no-referrer")
		files.ServeHTTP(w, r)
	})
	mux.HandleFunc("GET /api/setup", s.setup)
	mux.HandleFunc("POST /api/look", s.look)
	mux.HandleFunc("POST /api/trace", s.saveTrace)
	mux.HandleFunc("POST /api/simulate", s.simulate)
}

// pageModel is a model as the page lists it.
type pageModel struct {
	ID       string `json:"id"`
	Causal   bool   `json:"causal"`
	Chats    bool   `json:"chats"`
	Layers   int    `json:"layers"`
	Heads    int    `json:"heads"`
	Schedule string `json:"schedule,omitempty"` // its own, as YAML
}

// setup answers GET /api/setup: what there is to choose from.
func (s *Server) setup(w http.ResponseWriter, _ *http.Request) {
	models := []pageModel{}
	for _, m := range s.models {
		info := m.gen.Model.Info()
		p := pageModel{ID: m.ID, Causal: info.Causal, Chats: m.chats(), Layers: info.Layers, Heads: info.Heads}
		if m.schedule != nil {
			p.Schedule = m.schedule.YAML()
		}
		models = append(models, p)
	}
	writeJSON(w, map[string]any{"models": models, "schedules": attention.ScheduleNames(), "machines": Machines()})
}
