package live

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"

	"spatten/attention"
	"spatten/attention/record"
)

// Picture is one sentence on its way through the layers: Fig. 22 and 23.
type Picture struct {
	Model    string   `json:"model"`
	Schedule string   `json:"schedule"`
	Text     string   `json:"text"`
	Answer   string   `json:"answer"`
	Dense    string   `json:"dense_answer"`
	Tokens   []string `json:"tokens"`
	Layers   []Layer  `json:"layers"`
}

// Layer is what lives in a layer and, where a ranking follows it, how important that has been so far.
type Layer struct {
	Tokens     []int32   `json:"tokens"`
	Importance []float32 `json:"importance,omitempty"` // of each of Tokens
	Heads      []int32   `json:"heads"`
	HeadScores []float32 `json:"head_scores,omitempty"`
}

// camera is a recorder that takes a picture.
type camera struct {
	rows
	layers []Layer
}

// Wants implements record.Recorder.
func (c *camera) Wants() record.Wants { return record.Wants{Scores: true} }

// Layer implements record.Recorder.
func (c *camera) Layer(l *record.Layer) {
	c.layers = append(c.layers, Layer{Tokens: slices.Clone(l.Keys), Heads: slices.Clone(l.Heads)})
}

// Head implements record.Recorder.
func (c *camera) Head(*record.Head) {}

// Rank implements record.Recorder.
func (c *camera) Rank(r *record.Rank) {
	l := &c.layers[len(c.layers)-1]
	switch {
	case r.Kind == record.RankTokens && len(r.Scores) == len(l.Tokens):
		l.Importance = slices.Clone(r.Scores)
	case r.Kind == record.RankHeads && len(r.Scores) == len(l.Heads):
		l.HeadScores = slices.Clone(r.Scores)
	}
}

// picture passes a sentence through a classifier and watches.
func (s *subject) picture(sentence string, schedule *attention.Schedule) (Picture, error) {
	info := s.Model.Info()
	ids, types, tokens := s.encode(sentence, nil)
	c := new(camera)
	out, err := s.pass(ids, types, schedule, c)
	if err != nil {
		return Picture{}, err
	}
	dense, err := s.pass(ids, types, nil, nil)
	if err != nil {
		return Picture{}, err
	}
	label := func(out []float32) string { return info.Labels[slices.Index(out, slices.Max(out))] }
	p := Picture{Model: info.Name, Schedule: schedule.Name, Text: sentence, Answer: label(out), Dense: label(dense), Layers: c.layers}
	for _, t := range tokens {
		p.Tokens = append(p.Tokens, t.Piece)
	}
	return p, nil
}

// heat is the importance of every token by layer: NaN where it is pruned or the last layer ranks no more.
func (p *Picture) heat() [][]float64 {
	var out [][]float64
	for _, l := range p.Layers {
		row := make([]float64, len(p.Tokens))
		for t := range row {
			row[t] = math.NaN()
			if at, alive := slices.BinarySearch(l.Tokens, int32(t)); alive && len(l.Importance) > 0 {
				row[t] = float64(l.Importance[at])
			}
		}
		if len(l.Importance) > 0 {
			out = append(out, row)
		}
	}
	return out
}

// html draws the picture: a row a layer, a cell a token, the darker the more important; what is pruned is empty. The last
// column is the heads that live.
func (p *Picture) html() string {
	var b strings.Builder
	fmt.Fprintf(&b, "<div class=\"wide\"><table><caption>%s: %s (dense: %s)</caption><tr><th>layer</th>", html.EscapeString(p.Text), html.EscapeString(p.Answer), html.EscapeString(p.Dense))
	for _, t := range p.Tokens {
		fmt.Fprintf(&b, "<th>%s</th>", html.EscapeString(t))
	}
	b.WriteString("<th>heads</th></tr>\n")
	for i, l := range p.Layers {
		fmt.Fprintf(&b, "<tr><td>%d</td>", i)
		top := float32(0)
		for _, v := range l.Importance {
			top = max(top, v)
		}
		for t := range p.Tokens {
			at, alive := slices.BinarySearch(l.Tokens, int32(t))
			switch {
			case !alive:
				b.WriteString("<td></td>")
			case top == 0:
				b.WriteString(`<td style="background:#eee">·</td>`)
			default:
				fmt.Fprintf(&b, `<td style="background:rgba(200,60,40,%.2f)">%.1f</td>`, l.Importance[at]/top, l.Importance[at])
			}
		}
		fmt.Fprintf(&b, "<td>%d</td></tr>\n", len(l.Heads))
	}
	b.WriteString("</table></div>\n")
	return b.String()
}
