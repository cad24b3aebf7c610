package text

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSegmenterAgreesWithJieba compares with jieba's cut without its model for new words, which is the same search over
// another edition of the dictionary: most word boundaries must agree.
func TestSegmenterAgreesWithJieba(t *testing.T) {
	f, err := os.Open(filepath.Join("..", "..", "shared", "golden", "segment", "jieba_golden.jsonl"))
	if err != nil {
		t.Skip("needs ../shared/golden/segment, which is not here")
	}
	defer f.Close()
	seg, err := NewSegmenter()
	if err != nil {
		t.Fatal(err)
	}
	hits, ours, theirs := 0, 0, 0
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<22)
	for lines.Scan() {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(lines.Bytes(), &fields); err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, name := range []string{"cut_no_hmm", "no_hmm", "cut_nohmm", "words_no_hmm"} {
			if json.Unmarshal(fields[name], &want) == nil && want != nil {
				break
			}
		}
		ends := map[int]bool{}
		at := 0
		for _, w := range want {
			at += len(w)
			ends[at] = true
		}
		theirs += len(ends)
		for _, s := range seg.Segment(strings.Join(want, "")) {
			ours++
			if ends[s.End] {
				hits++
			}
		}
	}
	f1 := 2 * float64(hits) / float64(ours+theirs)
	t.Logf("boundaries: ours %d, jieba's %d, F1 %.4f", ours, theirs, f1)
	if !(f1 > 0.95) {
		t.Errorf("only %.4f of the boundaries agree", f1)
	}
}
