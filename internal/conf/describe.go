package conf

import (
	"reflect"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Kind is what a key's values are.
type Kind string

// The kinds of keys.
const (
	Text   Kind = "text"
	Flag   Kind = "true or false"
	Whole  Kind = "a whole number"
	Number Kind = "a number"
	List   Kind = "a list"
	Map    Kind = "a map"
)

var kinds = map[reflect.Kind]Kind{reflect.String: Text, reflect.Bool: Flag, reflect.Int: Whole, reflect.Int64: Whole, reflect.Uint64: Whole,
	reflect.Float64: Number, reflect.Slice: List, reflect.Map: Map}

// Key tells what a key takes.
type Key struct {
	Path  string
	Kind  Kind
	Doc   string
	field field
}

// Describe returns what is known of a key of config; an error names the nearest one.
func Describe(config any, key string) (Key, error) {
	// The fields of a value of its own, so that Check changes nobody's configuration.
	fresh := reflect.New(structOf(config).Type())
	for _, f := range all(fresh.Elem(), "") {
		if f.path == key {
			return Key{Path: key, Kind: kinds[f.value.Kind()], Doc: f.tag.Get("doc"), field: f}, nil
		}
	}
	return Key{}, hint.Errorf(suggest(key, Keys(config)), "unknown key %s", key)
}

// Check tells whether the key takes a value, written as Set takes it.
func (k Key) Check(value string) error {
	if err := k.field.set(value); err != nil {
		return hint.Wrap(err, k.field.allowed(), "%s", k.Path)
	}
	return nil
}
