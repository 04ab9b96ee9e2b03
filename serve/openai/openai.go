// Package openai is part of stage 9: it reads and writes the JSON of the OpenAI HTTP interface, version 1, as clients of
// it expect, with one extra object for pruning. It checks every field and does nothing else.
// Source: the published OpenAI API reference (chat completions, completions, embeddings, models, errors).
package openai

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Limits on the numbers of a request.
const (
	MaxChoices  = 8       // n
	MaxStops    = 8       // stop strings
	MaxStop     = 256     // bytes of one
	MaxMessages = 1024    // of a chat
	MaxInputs   = 256     // texts to embed
	MaxTokens   = 1 << 20 // max_tokens
	MaxLogProbs = 20      // top_logprobs
	maxDepth    = 64      // of nested JSON
)

// Error is an error as clients expect it: {"error": {…}}.
type Error struct {
	Status  int     `json:"-"`
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    *string `json:"code"`
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// BadRequest is an error about one field of the request.
func BadRequest(param, format string, args ...any) *Error {
	e := &Error{Status: http.StatusBadRequest, Message: fmt.Sprintf(format, args...), Type: "invalid_request_error"}
	if param != "" {
		e.Param = &param
	}
	return e
}

// Problem is an error with a status and a code.
func Problem(status int, kind, code, format string, args ...any) *Error {
	return &Error{Status: status, Message: fmt.Sprintf(format, args...), Type: kind, Code: &code}
}

// Write sends the error.
func (e *Error) Write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.Status)
	json.NewEncoder(w).Encode(map[string]*Error{"error": e})
}

// Decode reads one JSON object of a request into dst. Unknown fields are ignored, as clients send many.
func Decode(body io.Reader, dst any) *Error {
	data, err := io.ReadAll(body)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return Problem(http.StatusRequestEntityTooLarge, "invalid_request_error", "request_too_large", "the request is larger than %d bytes", tooLarge.Limit)
	case err != nil:
		return BadRequest("", "the request could not be read: %v", err)
	}
	if depth(data) > maxDepth {
		return BadRequest("", "the request nests deeper than %d levels", maxDepth)
	}
	if t := bytes.TrimLeft(data, " \t\r\n"); len(t) == 0 || t[0] != '{' {
		return BadRequest("", "the request is no JSON object")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(dst); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return BadRequest(wrong.Field, "%s is a %s; expected %s", wrong.Field, wrong.Value, wrong.Type)
		}
		var own *Error
		if errors.As(err, &own) {
			return own
		}
		return BadRequest("", "the request is no valid JSON: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return BadRequest("", "something follows the JSON object of the request")
	}
	return nil
}

// depth returns how deep JSON nests, without parsing it further.
func depth(data []byte) int {
	level, deepest, quoted := 0, 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			level++
			deepest = max(deepest, level)
		case c == '}' || c == ']':
			level--
		}
	}
	return deepest
}

// Strings is a string or a list of strings.
type Strings []string

// UnmarshalJSON implements json.Unmarshaler.
func (s *Strings) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	var one string
	if json.Unmarshal(data, &one) == nil {
		*s = Strings{one}
		return nil
	}
	var many []string
	if err := json.Unmarshal(data, &many); err != nil {
		return BadRequest("", "expected a string or a list of strings, got %.40s", data)
	}
	*s = many
	return nil
}

// Content is the text of a message: a string, or parts of which only text is understood.
type Content string

// UnmarshalJSON implements json.Unmarshaler.
func (c *Content) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	var text string
	if json.Unmarshal(data, &text) == nil {
		*c = Content(text)
		return nil
	}
	var parts []struct{ Type, Text string }
	if err := json.Unmarshal(data, &parts); err != nil {
		return BadRequest("messages", "a message's content is a string or a list of text parts")
	}
	var all strings.Builder
	for _, p := range parts {
		if p.Type != "text" {
			return BadRequest("messages", "content parts of type %.32q are not supported, only text is", p.Type)
		}
		all.WriteString(p.Text)
	}
	*c = Content(all.String())
	return nil
}
