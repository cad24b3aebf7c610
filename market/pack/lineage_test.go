package pack

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

func TestSourcesOfALineage(t *testing.T) {
	a, b := strings.Repeat("a", 64), strings.Repeat("b", 64)
	many := `{"data": {`
	for i := range 200 {
		many += fmt.Sprintf(`"%d.csv": "sha256:%s",`, i, a)
	}
	many += `"x": ""}}`
	for _, c := range []struct {
		text string
		want []Source
	}{
		{`{"data": {"/home/ada/train.csv": "sha256:` + a + `", "test.csv": "` + b + `"}, "parent": "sha256:` + a + `", "config": {"model": {"base": "hf://org/bert"}}, "taught": {"teacher": "../large", "digest": "?"}}`,
			[]Source{{FromParent, "hf://org/bert", digest.Digest("sha256:" + a)}, {FromTeacher, "large", ""}, {FromData, "train.csv", digest.Digest("sha256:" + a)}, {FromData, "test.csv", digest.Digest("sha256:" + b)}}},
		{`{"parent": "sha256:` + b + `", "config": {"continue": {"model": "C:\\models\\old"}}, "earlier": [{"files": {"old.csv": "sha256:` + a + `"}}]}`,
			[]Source{{FromParent, "old", digest.Digest("sha256:" + b)}, {FromData, "old.csv", digest.Digest("sha256:" + a)}}},
		{`{"data": {"a\u0000b\u202e": "x"}}`, []Source{{FromData, "ab", ""}}},
		{`[1, 2]`, nil}, {`{"data": 5}`, nil}, {`nonsense`, nil}, {``, nil}, {`{}`, nil},
	} {
		got := sources(func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(c.text)), nil })
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.text, got, c.want)
		}
	}
	if got := sources(func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(many)), nil }); len(got) != mostSources {
		t.Errorf("%d sources of 200", len(got))
	}
	if got := sources(func(string) (io.ReadCloser, error) { return nil, errors.Join(fs.ErrNotExist) }); got != nil {
		t.Errorf("without a lineage: %v", got)
	}
}
