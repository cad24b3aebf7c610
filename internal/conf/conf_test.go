package conf

import (
	"reflect"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

type inner struct {
	Rate  float64 `yaml:"learning_rate" doc:"how fast" default:"0.001" min:"0" max:"1"`
	Steps int     `yaml:"steps" doc:"how often" default:"10" min:"1" max:"100"`
	Seed  uint64  `yaml:"seed" default:"7"`
}

type shared struct {
	Text string `yaml:"text" doc:"column" default:"text"`
}

type config struct {
	Name   string            `yaml:"name" doc:"a name that needs a long line of documentation, long enough to be broken into two or even three lines of a comment" default:"a: b"`
	Kind   string            `yaml:"kind" doc:"which" default:"x" enum:"x|y"`
	On     bool              `yaml:"on" default:"true"`
	Widths []int             `yaml:"widths" default:"2,3" min:"1" max:"9"`
	Shared shared            `yaml:",inline"`
	Train  inner             `yaml:"train" doc:"training"`
	Space  map[string]string `yaml:"space" doc:"ranges"`
	Hidden int
}

func defaults() *config {
	c := &config{}
	Defaults(c)
	return c
}

func TestDefaults(t *testing.T) {
	want := config{Name: "a: b", Kind: "x", On: true, Widths: []int{2, 3}, Shared: shared{"text"}, Train: inner{0.001, 10, 7}, Space: map[string]string{}}
	if got := *defaults(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestDecodeKeepsWhatTheTextLacks(t *testing.T) {
	c := defaults()
	if err := Decode([]byte("train:\n  steps: 5\nwidths: [4]\ntext: 评论\non: no\n"), "x.yaml", c); err != nil {
		t.Fatal(err)
	}
	if c.Train.Steps != 5 || c.Train.Rate != 0.001 || !reflect.DeepEqual(c.Widths, []int{4}) || c.Shared.Text != "评论" || c.On {
		t.Errorf("got %+v", c)
	}
	for _, empty := range []string{"", "# nothing\n", "train:\n"} {
		if err := Decode([]byte(empty), "x.yaml", c); err != nil {
			t.Errorf("%q: %v", empty, err)
		}
	}
}

func TestDecodeSaysWhatIsWrongWhereAndTheWayOut(t *testing.T) {
	for _, c := range []struct{ yaml, message, way string }{
		{"name: a\ntrain:\n  lerning_rate: 1", "x.yaml:3: unknown key train.lerning_rate", "did you mean train.learning_rate?"},
		{"trian:\n  steps: 1", "x.yaml:1: unknown key trian", "did you mean train?"},
		{"learning_rate: 1", "x.yaml:1: unknown key learning_rate", "did you mean train.learning_rate?"},
		{"zzzzzzzzzz: 1", "x.yaml:1: unknown key zzzzzzzzzz", "lists all keys"},
		{"train:\n  steps: many", `x.yaml:2: train.steps: "many" is no whole number`, "from 1 to 100"},
		{"train:\n  steps: 1.5", `is no whole number`, ""},
		{"train:\n  steps: 101", "train.steps: 101 is out of range", "from 1 to 100"},
		{"train:\n  learning_rate: .nan", "is no number", ""},
		{"kind: z", `kind: "z" is none of its values`, "x, y"},
		{"on: maybe", "neither true nor false", ""},
		{"widths: [1, 10]", "widths: 10 is out of range", "a list"},
		{"widths: [[1]]", "a list of plain values is needed", ""},
		{"name: [a]", "a single value is needed", ""},
		{"space: {a: {b: c}}", "a single value is needed", ""},
		{"space: [a]", "a single value is needed", ""},
		{"space: a", `"a" is no new key=value`, "key: value pairs"},
		{"train: 3", "train holds keys", ""},
		{"name: a\nname: b", "name", ""},
		{"- a", "holds keys", ""},
		{"a: b: c", "reading x.yaml", ""},
		{"\tname: a", "reading x.yaml", ""},
	} {
		err := Decode([]byte(c.yaml), "x.yaml", defaults())
		if err == nil {
			t.Errorf("%q: accepted", c.yaml)
			continue
		}
		if !strings.Contains(err.Error(), c.message) || !strings.Contains(hint.Way(err), c.way) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v; %s", c.yaml, err, hint.Way(err))
		}
	}
}

func TestSet(t *testing.T) {
	c := defaults()
	for key, value := range map[string]string{"train.steps": "3", "widths": "5,6", "kind": "y", "on": "false", "text": "body", "space": "a=1..2;b=x,y if c=d"} {
		if err := Set(c, key, value); err != nil {
			t.Error(err)
		}
		if got, ok := Get(c, key); !ok || got != value {
			t.Errorf("%s is %q after setting %q", key, got, value)
		}
	}
	if err := Set(c, "train.stepz", "3"); err == nil || !strings.Contains(hint.Way(err), "train.steps") {
		t.Errorf("unknown key: %v", err)
	}
	if err := Set(c, "train.steps", "0"); err == nil {
		t.Error("a value out of range was accepted")
	}
}

func TestExplainIsConfigurationItself(t *testing.T) {
	c := defaults()
	c.Train.Steps, c.Name, c.Widths = 42, "名字 # 1", nil
	c.Space = map[string]string{"a.b": "log:1e-4..1", "c": "x, y: {z}"}
	for _, print := range []func(*strings.Builder) error{
		func(b *strings.Builder) error { return Explain(b, c) },
		func(b *strings.Builder) error { return Encode(b, c) },
	} {
		var b strings.Builder
		if err := print(&b); err != nil {
			t.Fatal(err)
		}
		again := defaults()
		if err := Decode([]byte(b.String()), "explain", again); err != nil {
			t.Fatalf("%v in:\n%s", err, b.String())
		}
		again.Widths = nil // an empty list and none are the same
		if !reflect.DeepEqual(again, c) {
			t.Errorf("got %+v, want %+v from:\n%s", again, c, b.String())
		}
	}
}

func TestAMapIsReadFromValuesAndLists(t *testing.T) {
	c := defaults()
	if err := Decode([]byte("space:\n  a.b: log:1e-4..1e-2\n  kind: [x, y]\n"), "x.yaml", c); err != nil {
		t.Fatal(err)
	}
	if want := map[string]string{"a.b": "log:1e-4..1e-2", "kind": "x,y"}; !reflect.DeepEqual(c.Space, want) {
		t.Errorf("got %v, want %v", c.Space, want)
	}
}

func TestDescribe(t *testing.T) {
	c := defaults()
	key, err := Describe(c, "train.steps")
	if err != nil || key.Kind != Whole {
		t.Fatalf("%+v, %v", key, err)
	}
	if err := key.Check("100"); err != nil {
		t.Error(err)
	}
	if err := key.Check("101"); err == nil || !strings.Contains(hint.Way(err), "from 1 to 100") {
		t.Errorf("%v; %s", err, hint.Way(err))
	}
	if c.Train.Steps != 10 {
		t.Error("checking a value changed the configuration")
	}
	if _, err := Describe(c, "train.stepz"); err == nil || !strings.Contains(hint.Way(err), "train.steps") {
		t.Errorf("%v; %s", err, hint.Way(err))
	}
}

func TestNearest(t *testing.T) {
	names := []string{"train", "predict", "serve", "eval"}
	for word, want := range map[string]string{"trian": "train", "Serve": "serve", "predct": "predict", "xyzzy": "", "": ""} {
		if got := hint.Nearest(word, names); got != want {
			t.Errorf("hint.Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("train:\n  steps: 5\nwidths: [4]\nname: &a x\nkind: *a"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := defaults()
		if Decode(data, "x.yaml", c) == nil && (c.Train.Steps < 1 || c.Train.Steps > 100) {
			t.Errorf("%q gives %d steps", data, c.Train.Steps)
		}
	})
}
