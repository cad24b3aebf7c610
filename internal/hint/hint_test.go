package hint

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"
)

func TestWayIsTheInnermostHint(t *testing.T) {
	inner := Wrap(fs.ErrNotExist, "check the path", "opening %s", "a.csv")
	outer := Wrap(fmt.Errorf("training: %w", inner), "", "quickstart")
	for _, c := range []struct {
		name string
		err  error
		way  string
	}{
		{"none", errors.New("x"), ""},
		{"nil", nil, ""},
		{"one", inner, "check the path"},
		{"an outer error without a hint keeps the inner one", outer, "check the path"},
		{"the inner one wins", Wrap(inner, "try again", "reading"), "check the path"},
	} {
		if got := Way(c.err); got != c.way {
			t.Errorf("%s: Way = %q, want %q", c.name, got, c.way)
		}
	}
	if want := "quickstart: training: opening a.csv: file does not exist"; outer.Error() != want {
		t.Errorf("message %q, want %q", outer.Error(), want)
	}
	if !errors.Is(outer, fs.ErrNotExist) {
		t.Error("the cause is lost")
	}
}

func TestOneOfNamesWhatIsNearestFirst(t *testing.T) {
	names := []string{"cnn", "gru", "transformer"}
	for name, want := range map[string]string{
		"transfomer": "did you mean transformer? choose one of cnn, gru, transformer",
		"resnet":     "choose one of cnn, gru, transformer",
	} {
		if got := OneOf(name, names); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
