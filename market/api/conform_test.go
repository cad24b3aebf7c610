package api_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/xiaoyu-slm/xiaoyu/market/api"
)

// spec is the document, as far as answers are checked by it.
type spec struct {
	Paths      map[string]map[string]*operation
	Components struct {
		Schemas   map[string]*jsonschema.Schema
		Responses map[string]*response
	}
	resolved map[*jsonschema.Schema]*jsonschema.Resolved
}

type operation struct {
	RequestBody *response // as far as its content is like a response's
	Responses   map[string]*response
}

type response struct {
	Ref     string `json:"$ref"`
	Content map[string]struct{ Schema *jsonschema.Schema }
	Headers map[string]struct{ Required bool }
}

// described reads the document once; its schemas refer to each other as one schema's own do.
var described = sync.OnceValues(func() (*spec, error) {
	s := spec{resolved: map[*jsonschema.Schema]*jsonschema.Resolved{}}
	err := json.Unmarshal(bytes.ReplaceAll(api.Document, []byte("#/components/schemas/"), []byte("#/$defs/")), &s)
	return &s, err
})

// operation finds the one that a request is of: that whose path has the fewest parts that may be anything.
func (s *spec) operation(method, path string) *operation {
	var found *operation
	fewest := -1
	parts := strings.Split(path, "/")
	for template, methods := range s.Paths {
		names := strings.Split(template, "/")
		free := 0
		fits := len(names) == len(parts)
		for i := 0; fits && i < len(names); i++ {
			if strings.HasPrefix(names[i], "{") {
				free++
			} else {
				fits = names[i] == parts[i]
			}
		}
		if o := methods[strings.ToLower(method)]; fits && o != nil && (fewest < 0 || free < fewest) {
			found, fewest = o, free
		}
	}
	return found
}

// valid tells whether a text of JSON is what a schema of the document says.
func (s *spec) valid(schema *jsonschema.Schema, text []byte) error {
	if s.resolved[schema] == nil {
		root := schema.CloneSchemas()
		root.Defs = map[string]*jsonschema.Schema{}
		for name, c := range s.Components.Schemas {
			root.Defs[name] = c.CloneSchemas()
		}
		var err error
		if s.resolved[schema], err = root.Resolve(nil); err != nil {
			return err
		}
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		return err
	}
	return s.resolved[schema].Validate(v)
}

// conforms tells whether an answer, and a body that was taken, are what the document says.
func conforms(method, path, sent string, a *http.Response, body []byte) error {
	s, err := described()
	if err != nil {
		return err
	}
	path, _, _ = strings.Cut(path, "?")
	o := s.operation(method, path)
	if o == nil {
		if a.StatusCode == http.StatusNotFound || a.StatusCode == http.StatusMethodNotAllowed {
			return nil
		}
		return errors.New("the document has no such operation")
	}
	r := o.Responses[strconv.Itoa(a.StatusCode)]
	if r == nil {
		return fmt.Errorf("the document does not know that it may answer %s", a.Status)
	}
	if name, ok := strings.CutPrefix(r.Ref, "#/components/responses/"); ok {
		r = s.Components.Responses[name]
	}
	for name, h := range r.Headers {
		if h.Required && a.Header.Get(name) == "" {
			return fmt.Errorf("the answer lacks the header %s", name)
		}
	}
	media, _, err := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if len(r.Content) == 0 && len(body) == 0 {
		return nil
	}
	content, there := r.Content[media]
	if err != nil || !there {
		return fmt.Errorf("the answer's type is %q: %v", media, err)
	}
	if media == "application/jsonl" {
		return nil
	}
	if err := s.valid(content.Schema, body); err != nil {
		return err
	}
	if a.StatusCode < 300 && o.RequestBody != nil {
		if err := s.valid(o.RequestBody.Content["application/json"].Schema, []byte(sent)); err != nil {
			return fmt.Errorf("a body was taken that the document forbids: %w", err)
		}
	}
	return nil
}
