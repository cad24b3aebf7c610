package c99

import (
	"fmt"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// Card tells how a source is used, and what it takes.
func (s *Source) Card(m *model.Model, name string) string {
	var b strings.Builder
	c := &s.Cost
	fmt.Fprintf(&b, "# %s, in C\n\n`%s.h` and `%s.c` are C99 and need no library but libm: no malloc, no files, no operating system.\n\n", name, name, name)
	fmt.Fprintf(&b, "| what it takes | |\n|---|---|\n| memory, all of it static | %s |\n| constants, beside the code | %s |\n| multiplications and additions for a text of %d tokens | %s |\n\n", size.Bytes(int64(c.RAM)), size.Bytes(int64(c.Flash)), c.Length, size.Count(int(c.MACs)))
	fmt.Fprintf(&b, "```c\n#include <stdio.h>\n#include \"%s.h\"\n\nint main(void) {\n    float scores[%s_OUTPUTS];\n", name, strings.ToUpper(name))
	result := "\n    printf(\"%f\\n\", (double)scores[0]);"
	if m.Config.Head == model.ClassHead {
		result = fmt.Sprintf("\n    printf(\"%%s %%.4f\\n\", %s_labels[result], (double)scores[result]);", name)
	}
	call := fmt.Sprintf("int result = %s_predict(\"房间很干净\", scores);", name)
	if s.Missing != "" {
		call = fmt.Sprintf("int32_t tokens[] = {1, 2, 3};\n    int result = %s_predict_ids(tokens, 3, scores);", name)
	}
	fmt.Fprintf(&b, "    %s\n    if (result < 0) {\n        return 1;\n    }%s\n    return 0;\n}\n```\n\n```sh\ncc -std=c99 -O2 main.c %s.c -lm\n```\n\n", call, result, name)
	b.WriteString("Scores have the same bits on every machine whose floats are those of IEEE 754, as long as the compiler joins no products and sums: `-ffp-contract=off`, which `-std=c99` implies with GCC.\n\n")
	if s.Missing == "" {
		fmt.Fprintf(&b, "Texts are UTF-8; %d bytes and %d tokens of one are read, the rest is cut off. Cleaning and tokens are those of the model, within these limits: of HTML's named entities the 252 of HTML 4 are decoded; compatibility forms and accents are unified where a token of the vocabulary can come of it; marks are composed with the letter that stands right before them; Hangul is not composed.\n\n", c.Bytes, c.Length)
	} else {
		fmt.Fprintf(&b, "Texts have to be given as tokens: the source does not hold %s.\n\n", s.Missing)
	}
	b.WriteString("What the model comes from stands in `lineage.json`, digests of all files in `manifest.json`.\n")
	return b.String()
}
