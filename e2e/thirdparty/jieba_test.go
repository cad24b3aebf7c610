package thirdparty

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/text"
)

// TestSegmenterCutsAsJiebaDoes compares word boundaries with those of jieba without its model for new words. The two
// differ where numbers, dashes and words that no corpus has attested are concerned, which is on purpose.
func TestSegmenterCutsAsJiebaDoes(t *testing.T) {
	var texts []string
	for _, s := range lines(t, "zh") {
		if s = strings.Join(strings.Fields(s), " "); s != "" {
			texts = append(texts, s)
		}
		if len(texts) == 2000 {
			break
		}
	}
	path := filepath.Join(t.TempDir(), "lines.txt")
	if err := os.WriteFile(path, []byte(strings.Join(texts, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	seg, err := text.NewSegmenter()
	if err != nil {
		t.Fatal(err)
	}
	hits, boundaries := 0, 0
	for i, line := range strings.Split(python(t, "jieba_check.py", path), "\n") {
		var words []string
		if err := json.Unmarshal([]byte(line), &words); err != nil {
			t.Fatal(err)
		}
		if strings.Join(words, "") != texts[i] {
			t.Fatalf("line %d: jieba cut another text", i+1)
		}
		ends, at := map[int]bool{}, 0
		for _, w := range words {
			at += len(w)
			ends[at] = true
		}
		ours := seg.Segment(texts[i])
		boundaries += len(ours) + len(ends)
		for _, span := range ours {
			if ends[span.End] {
				hits++
			}
		}
	}
	f1 := 2 * float64(hits) / float64(boundaries)
	t.Logf("%d lines, F1 of boundaries %.4f", len(texts), f1)
	if f1 < 0.985 {
		t.Errorf("F1 of boundaries %.4f; 0.985 is wanted", f1)
	}
}
