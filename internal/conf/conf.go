// Package conf makes configuration structs the single source of truth: keys, types, defaults, bounds and documentation
// stand in the struct's tags, and everything else is derived from them.
//
//	type Config struct {
//		Epochs int    `yaml:"epochs" doc:"passes over the data" default:"10" min:"1" max:"1000"`
//		Loss   string `yaml:"loss" doc:"what is minimised" default:"hinge" enum:"hinge|logistic"`
//		Data   Data   `yaml:"data" doc:"where examples come from"` // a struct: nested keys
//		Common `yaml:",inline"`                                    // its keys stand beside the others
//	}
//
// [Defaults] fills a struct, [Decode] reads YAML into one and refuses what does not fit with the line and the way
// out, [Set] changes one key, [Explain] prints the reference. Values are strings, booleans, integers, floats, lists of
// strings or integers, and maps of strings.
package conf

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// field is a key of a configuration.
type field struct {
	path  string // such as train.epochs
	name  string // its last part
	value reflect.Value
	tag   reflect.StructTag
}

func (f *field) isSection() bool { return f.value.Kind() == reflect.Struct }

// fields returns the keys of a struct in the order of declaration, inline structs opened.
func fields(v reflect.Value, prefix string) []field {
	var out []field
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag
		name, options, _ := strings.Cut(tag.Get("yaml"), ",")
		switch {
		case options == "inline":
			out = append(out, fields(v.Field(i), prefix)...)
		case name != "" && name != "-":
			out = append(out, field{prefix + name, name, v.Field(i), tag})
		}
	}
	return out
}

// all returns every key that has a value, sections opened.
func all(v reflect.Value, prefix string) []field {
	var out []field
	for _, f := range fields(v, prefix) {
		if f.isSection() {
			out = append(out, all(f.value, f.path+".")...)
		} else {
			out = append(out, f)
		}
	}
	return out
}

func structOf(config any) reflect.Value {
	v := reflect.ValueOf(config)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		panic(fmt.Sprintf("conf: %T is no pointer to a struct", config))
	}
	return v.Elem()
}

// Defaults sets every key of config, a pointer to a struct, to its default.
func Defaults(config any) {
	for _, f := range all(structOf(config), "") {
		if err := f.set(f.tag.Get("default")); err != nil {
			panic(fmt.Sprintf("conf: the default of %s: %v", f.path, err))
		}
	}
}

// Keys returns all keys, such as train.epochs, in the order of declaration.
func Keys(config any) []string {
	var keys []string
	for _, f := range all(structOf(config), "") {
		keys = append(keys, f.path)
	}
	return keys
}

// sections returns the keys that hold others.
func sections(v reflect.Value, prefix string) []string {
	var out []string
	for _, f := range fields(v, prefix) {
		if f.isSection() {
			out = append(append(out, f.path), sections(f.value, f.path+".")...)
		}
	}
	return out
}

// A Chooser is a configuration that wants to know which keys Set has changed: somebody chose their values, where those of
// a file may be defaults that were written down.
type Chooser interface{ Chosen(key string) }

// Set changes one key from text: lists are separated by commas.
func Set(config any, key, value string) error {
	list := all(structOf(config), "")
	for _, f := range list {
		if f.path == key {
			if err := f.set(value); err != nil {
				return hint.Wrap(err, f.allowed(), "setting %s", key)
			}
			if c, ok := config.(Chooser); ok {
				c.Chosen(key)
			}
			return nil
		}
	}
	return hint.Errorf(suggest(key, Keys(config)), "unknown key %s", key)
}

// Get returns the value of a key as Set takes it.
func Get(config any, key string) (string, bool) {
	for _, f := range all(structOf(config), "") {
		if f.path == key {
			return f.text(), true
		}
	}
	return "", false
}

// Decode reads YAML into config; keys that the text lacks keep their value. file is named in errors. On an error
// config may be changed in part.
func Decode(data []byte, file string, config any) error {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return hint.Wrap(errors.New(oneLine(err)), "see `xiaoyu config --explain` for the form", "reading %s", file)
	}
	if doc.Kind == 0 || len(doc.Content) == 0 {
		return nil
	}
	d := decoder{file: file, keys: append(Keys(config), sections(structOf(config), "")...)}
	return d.section(doc.Content[0], structOf(config), "")
}

type decoder struct {
	file string
	keys []string
}

func (d *decoder) section(node *yaml.Node, v reflect.Value, prefix string) error {
	if node.Kind == yaml.ScalarNode && node.Tag == "!!null" {
		return nil
	}
	if node.Kind != yaml.MappingNode {
		return d.fail(node, "see `xiaoyu config --explain`", "%s holds keys, not a single value", strings.TrimSuffix(prefix, "."))
	}
	list := fields(v, prefix)
	seen := map[string]bool{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if seen[key.Value] {
			return d.fail(key, "remove one of them", "key %s stands twice", prefix+key.Value)
		}
		seen[key.Value] = true
		at := slices.IndexFunc(list, func(f field) bool { return f.name == key.Value })
		if at < 0 {
			return d.fail(key, suggest(prefix+key.Value, d.keys), "unknown key %s", prefix+key.Value)
		}
		f := list[at]
		if f.isSection() {
			if err := d.section(value, f.value, f.path+"."); err != nil {
				return err
			}
			continue
		}
		text, err := scalarText(value, f.value.Kind())
		if err == nil {
			err = f.set(text)
		}
		if err != nil {
			return d.fail(value, f.allowed(), "%s: %v", f.path, err)
		}
	}
	return nil
}

func (d *decoder) fail(node *yaml.Node, way, format string, args ...any) error {
	return hint.Errorf(way, "%s:%d: %s", d.file, node.Line, fmt.Sprintf(format, args...))
}

// scalarText returns a scalar's text, or a list's joined by commas, or a map's as setMap reads it.
func scalarText(node *yaml.Node, kind reflect.Kind) (string, error) {
	if node.Kind == yaml.AliasNode && node.Alias != nil {
		node = node.Alias
	}
	switch {
	case node.Kind == yaml.ScalarNode:
		if node.Tag == "!!null" {
			return "", nil
		}
		return node.Value, nil
	case node.Kind == yaml.SequenceNode && kind == reflect.Slice:
		var parts []string
		for _, n := range node.Content {
			if n.Kind != yaml.ScalarNode {
				return "", errors.New("a list of plain values is needed")
			}
			parts = append(parts, n.Value)
		}
		return strings.Join(parts, ","), nil
	case node.Kind == yaml.MappingNode && kind == reflect.Map:
		var parts []string
		for i := 0; i+1 < len(node.Content); i += 2 {
			value, err := scalarText(node.Content[i+1], reflect.Slice) // a list is its values joined by commas
			if err != nil {
				return "", err
			}
			parts = append(parts, node.Content[i].Value+"="+value)
		}
		return strings.Join(parts, ";"), nil
	}
	return "", errors.New("a single value is needed")
}

// set parses text into the field and checks it.
func (f *field) set(text string) error {
	text = strings.TrimSpace(text)
	v := f.value
	switch v.Kind() {
	case reflect.String:
		if enum := f.tag.Get("enum"); enum != "" && !slices.Contains(strings.Split(enum, "|"), text) {
			return fmt.Errorf("%q is none of its values", text)
		}
		v.SetString(text)
	case reflect.Bool:
		b, ok := booleans[strings.ToLower(text)]
		if !ok {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		v.SetBool(b)
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("%q is no whole number", text)
		}
		if err := f.inBounds(float64(n), text); err != nil {
			return err
		}
		v.SetInt(n)
	case reflect.Uint64:
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return fmt.Errorf("%q is no whole number from 0", text)
		}
		v.SetUint(n)
	case reflect.Float64:
		x, err := strconv.ParseFloat(text, 64)
		if err != nil || x != x || x-x != 0 {
			return fmt.Errorf("%q is no number", text)
		}
		if err := f.inBounds(x, text); err != nil {
			return err
		}
		v.SetFloat(x)
	case reflect.Slice:
		return f.setList(text)
	case reflect.Map:
		return f.setMap(text)
	default:
		panic(fmt.Sprintf("conf: %s has the type %s", f.path, v.Type()))
	}
	return nil
}

var booleans = map[string]bool{"true": true, "yes": true, "on": true, "false": false, "no": false, "off": false}

func (f *field) setList(text string) error {
	out := reflect.MakeSlice(f.value.Type(), 0, 4)
	if text != "" {
		for _, part := range strings.Split(text, ",") {
			item := field{f.path, f.name, reflect.New(f.value.Type().Elem()).Elem(), f.tag}
			if err := item.set(part); err != nil {
				return err
			}
			out = reflect.Append(out, item.value)
		}
	}
	f.value.Set(out)
	return nil
}

// setMap reads key=value pairs with semicolons between them.
func (f *field) setMap(text string) error {
	out := map[string]string{}
	for _, pair := range strings.Split(text, ";") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		key, value, ok := strings.Cut(pair, "=")
		key = strings.TrimSpace(key)
		if _, twice := out[key]; !ok || key == "" || twice {
			return fmt.Errorf("%q is no new key=value", strings.TrimSpace(pair))
		}
		out[key] = strings.TrimSpace(value)
	}
	f.value.Set(reflect.ValueOf(out))
	return nil
}

func (f *field) inBounds(x float64, text string) error {
	for _, bound := range []struct {
		tag   string
		wrong func(limit float64) bool
	}{{"min", func(l float64) bool { return x < l }}, {"max", func(l float64) bool { return x > l }}} {
		s := f.tag.Get(bound.tag)
		if s == "" {
			continue
		}
		limit, err := strconv.ParseFloat(s, 64)
		if err != nil {
			panic(fmt.Sprintf("conf: the %s of %s: %v", bound.tag, f.path, err))
		}
		if bound.wrong(limit) {
			return fmt.Errorf("%s is out of range", text)
		}
	}
	return nil
}

// allowed says what values a key takes.
func (f *field) allowed() string {
	if enum := f.tag.Get("enum"); enum != "" {
		return "use one of " + strings.ReplaceAll(enum, "|", ", ")
	}
	low, high := f.tag.Get("min"), f.tag.Get("max")
	kind := map[reflect.Kind]string{reflect.Bool: "true or false", reflect.String: "text", reflect.Float64: "a number",
		reflect.Slice: "a list such as [2, 3, 4], of numbers", reflect.Map: "key: value pairs"}[f.value.Kind()]
	if kind == "" {
		kind = "a whole number"
	}
	switch {
	case low != "" && high != "":
		kind += " from " + low + " to " + high
	case low != "":
		kind += " from " + low
	}
	return "use " + kind
}

// text returns the value as set takes it.
func (f *field) text() string {
	var parts []string
	switch f.value.Kind() {
	case reflect.Slice:
	case reflect.Map:
		for _, key := range f.keys() {
			parts = append(parts, key+"="+f.value.MapIndex(reflect.ValueOf(key)).String())
		}
		return strings.Join(parts, ";")
	default:
		return fmt.Sprint(f.value.Interface())
	}
	for i := range f.value.Len() {
		parts = append(parts, fmt.Sprint(f.value.Index(i).Interface()))
	}
	return strings.Join(parts, ",")
}

// keys returns those of a map, sorted.
func (f *field) keys() []string {
	var keys []string
	for _, k := range f.value.MapKeys() {
		keys = append(keys, k.String())
	}
	slices.Sort(keys)
	return keys
}

func suggest(key string, keys []string) string {
	if near := hint.Nearest(key, keys); near != "" {
		return fmt.Sprintf("did you mean %s? `xiaoyu config --explain` lists all keys", near)
	}
	return "`xiaoyu config --explain` lists all keys"
}

// oneLine folds the messages of the YAML library.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
