//go:build js

// Command runner is the program that runs a model in a browser or in Node: WebAssembly that `xiaoyu export --to web` puts
// beside the model. It offers globalThis.xiaoyuOpen(files), which takes a zip archive of a model's package as a
// Uint8Array, and returns {about, ask(request)}; requests and answers are JSON, errors come as {error}.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"syscall/js"

	"github.com/xiaoyu-slm/xiaoyu/internal/answer"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/internal/payload"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

func main() {
	js.Global().Set("xiaoyuOpen", function(open))
	select {} // what was offered stays callable
}

// function makes f callable from JavaScript, to which an error is what a call returns as {error}.
func function(f func(args []js.Value) (any, error)) js.Func {
	return js.FuncOf(func(_ js.Value, args []js.Value) (answer any) {
		defer func() {
			if r := recover(); r != nil {
				answer = map[string]any{"error": fmt.Sprint(r)}
			}
		}()
		result, err := f(args)
		if err != nil {
			message := err.Error()
			if way := hint.Way(err); way != "" {
				message += "; " + way
			}
			return map[string]any{"error": message}
		}
		return result
	})
}

var errUse = errors.New("xiaoyuOpen takes a Uint8Array, ask a string of JSON")

func open(args []js.Value) (any, error) {
	if len(args) != 1 || !args[0].InstanceOf(js.Global().Get("Uint8Array")) {
		return nil, errUse
	}
	data := make([]byte, args[0].Length())
	js.CopyBytesToGo(data, args[0])
	files, err := payload.Read(data)
	if err != nil {
		return nil, hint.Wrap(err, "export it again", "reading the model")
	}
	m, err := model.OpenFS(files, "the model")
	if err != nil {
		return nil, err
	}
	about, err := json.Marshal(map[string]any{
		"architecture": m.Architecture(), "parameters": m.Parameters(), "head": m.Config.Head, "pair": m.Config.Pair,
		"labels": m.Labels, "digest": m.Package.Digest, "kernel": kernel.Name(),
	})
	if err != nil {
		return nil, err
	}
	return map[string]any{"about": string(about), "ask": function(func(args []js.Value) (any, error) { return ask(m, args) })}, nil
}

// request is what a model is asked, as POST /v1/predict of package serve has it.
type request struct {
	Texts   []string `json:"texts"`
	Pairs   []string `json:"pairs"`
	TopK    int      `json:"top_k"`
	Explain bool     `json:"explain"`
}

// ask takes a request and returns predictions, both as JSON.
func ask(m *model.Model, args []js.Value) (any, error) {
	if len(args) != 1 || args[0].Type() != js.TypeString {
		return nil, errUse
	}
	var r request
	if err := json.Unmarshal([]byte(args[0].String()), &r); err != nil {
		return nil, fmt.Errorf("the request: %w", err)
	}
	if m.Config.Pair && len(r.Pairs) != len(r.Texts) || !m.Config.Pair && len(r.Pairs) > 0 {
		return nil, fmt.Errorf("%d texts and %d second texts", len(r.Texts), len(r.Pairs))
	}
	queries := make([]model.Query, len(r.Texts))
	for i, t := range r.Texts {
		queries[i].Text = t
		if m.Config.Pair {
			queries[i].Pair = r.Pairs[i]
		}
	}
	views, err := answer.Views(context.Background(), m, queries, r.TopK, r.Explain)
	if err != nil {
		return nil, err
	}
	out, err := json.Marshal(map[string]any{"predictions": views})
	return string(out), err
}
