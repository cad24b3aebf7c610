package api

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
)

var update = flag.Bool("update", false, "write openapi.json anew")

// TestTheDocumentIsThatOfTheRoutes writes the document by the routes and by the types that they read and answer with, and
// compares it with the one that is served.
func TestTheDocumentIsThatOfTheRoutes(t *testing.T) {
	s, err := newSchemas("../client", "../inspect", "../try")
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	e := json.NewEncoder(&want)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(document(s, (&API{}).routes())); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("openapi.json", want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(want.Bytes(), Document) {
		t.Error("openapi.json is not of these routes and types: go test ./market/api -run TestTheDocument -update")
	}
}

// members are those of an object of JSON.
type fields = map[string]any

// document is the routes as an OpenAPI 3.1 document.
func document(s *schemas, routes []route) fields {
	paths := map[string]fields{}
	for _, t := range routes {
		method, path, _ := strings.Cut(t.pattern, " ")
		if paths[Root+path] == nil {
			paths[Root+path] = fields{}
		}
		paths[Root+path][strings.ToLower(method)] = operation(s, &t)
	}
	s.of(reflect.TypeFor[client.Errors](), false)
	return fields{
		"openapi": "3.1.1",
		"info": fields{
			"title": "A market of Xiaoyu", "version": "1", "license": fields{"name": "that of Xiaoyu"},
			"description": "What `xiaoyu` on the command line asks of a market, for other programs. Times are those of RFC 3339. Names that the caller may not see are as if absent.",
		},
		"security":   []any{fields{}, fields{"token": []any{}}},
		"tags":       tags(routes),
		"paths":      paths,
		"components": fields{"schemas": s.components, "responses": failures(), "securitySchemes": fields{"token": fields{"type": "http", "scheme": "bearer", "description": "A token of an account: Settings, Tokens on the market's pages, or `xiaoyu login`."}}},
	}
}

func tags(routes []route) (list []fields) {
	var names []string
	for _, t := range routes {
		if n := tag(&t); !slices.Contains(names, n) {
			names = append(names, n)
			list = append(list, fields{"name": n})
		}
	}
	return list
}

// tag is the first part of a route's path.
func tag(t *route) string {
	return regexp.MustCompile(`/([a-z-]+)`).FindStringSubmatch(t.pattern)[1]
}

func operation(s *schemas, t *route) fields {
	o := fields{"operationId": t.name, "summary": t.about, "tags": []string{tag(t)}, "responses": responses(s, t)}
	if t.needs > catalogue.None {
		o["security"] = []any{fields{"token": []string{t.needs.String()}}}
		o["description"] = "Needs a token with the scope " + t.needs.String() + "."
	}
	if list := parameters(t); len(list) > 0 {
		o["parameters"] = list
	}
	if t.body != nil {
		o["requestBody"] = fields{"required": true, "content": fields{jsonMedia: fields{"schema": s.of(t.body, true)}}}
	}
	return o
}

// inPath says what the parts of paths are.
var inPath = map[string]string{
	"owner": "an account or an organisation", "name": "of the package, the benchmark or the organisation", "version": "a version, a channel, a tag or a digest", "id": "the number of it", "slug": "the collection's name in addresses",
	"package_owner": "whose package it is", "member": "an account", "fingerprint": "of the key, as sha256:…",
}

func parameters(t *route) (list []fields) {
	for _, m := range regexp.MustCompile(`\{([a-z_]+)\}`).FindAllStringSubmatch(t.pattern, -1) {
		schema := &jsonschema.Schema{Type: "string", MinLength: new(1)}
		if m[1] == "id" {
			schema = &jsonschema.Schema{Type: "integer", Minimum: new(0.0), Maximum: new(float64(highestID))}
		}
		list = append(list, fields{"in": "path", "name": m[1], "required": true, "description": inPath[m[1]], "schema": schema})
	}
	for _, p := range t.query {
		schema := &jsonschema.Schema{Type: "string"}
		for _, v := range p.oneOf {
			schema.Enum = append(schema.Enum, v)
		}
		if p.whole {
			schema = &jsonschema.Schema{Type: "integer", Minimum: new(float64(p.least)), Maximum: new(float64(p.most))}
		}
		list = append(list, fields{"in": "query", "name": p.name, "description": p.about, "schema": schema})
	}
	return list
}

// responses are what a route may answer: what it is for, and how it may fail.
func responses(s *schemas, t *route) fields {
	good := fields{"description": http.StatusText(t.status)}
	if t.answer != nil {
		schema := s.of(t.answer, false)
		if t.media == linesMedia { // OpenAPI 3.1 has no way to say that each line is one
			good["description"] = "A line of JSON each, as " + schema.Ref
			schema = &jsonschema.Schema{Type: "string"}
		}
		good["content"] = fields{t.media: fields{"schema": schema}}
	}
	out := fields{strconv.Itoa(t.status): good}
	for _, status := range fails(t) {
		out[strconv.Itoa(status)] = fields{"$ref": "#/components/responses/" + strconv.Itoa(status)}
	}
	return out
}

// fails lists the statuses by which a route may fail.
func fails(t *route) []int {
	// Whatever is asked for, a token may be wrong, the query may have what there is not, a client may ask too often, and the
	// market's store may be away.
	list := []int{400, 401, 429, 500, 503}
	if strings.Contains(t.pattern, "{") || t.body != nil {
		list = append(list, 404)
	}
	if t.needs > catalogue.None || strings.Contains(t.pattern, "{name}") { // what is gated is for some alone
		list = append(list, 403)
	}
	if t.body != nil {
		list = append(list, 409, 413, 507)
	}
	switch t.name {
	case "predict":
		list = append(list, 422)
	case "listAuditLog": // of an owner
		list = append(list, 404)
	}
	return list
}

// failures are what all routes share.
func failures() fields {
	retry := fields{"Retry-After": fields{"description": "seconds to wait", "schema": fields{"type": "integer"}}}
	out := fields{}
	for status, about := range map[int]string{
		400: "The request is wrong; the message says where.", 401: "It takes a token, or the token is wrong.", 403: "The token or the account does not go so far.", 404: "It is not there, or the caller may not see it.",
		409: "It is there already, or was decided already.", 413: "More than a mebibyte was sent.", 422: "The model cannot be asked, or not this.", 429: "Too often.", 500: "The market has failed.",
		503: "The market cannot reach its store or its catalogue.", 507: "The disk is full.",
	} {
		o := fields{"description": about, "content": fields{jsonMedia: fields{"schema": fields{"$ref": "#/components/schemas/Errors"}}}}
		switch status {
		case 401:
			o["headers"] = fields{"WWW-Authenticate": fields{"description": "how to say who one is", "required": true, "schema": fields{"type": "string"}}}
		case 429, 503:
			o["headers"] = retry
		}
		out[strconv.Itoa(status)] = o
	}
	return out
}
