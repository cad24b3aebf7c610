package plan

import (
	"slices"
	"testing"

	"golang.org/x/net/html/atom"
)

func TestNamesAreThoseOfCAndGo(t *testing.T) {
	for path, want := range map[string]string{
		"models/Hotel-Reviews": "hotel_reviews", "a/b.c": "b_c", "评论": "model", "2024 reviews": "reviews", "_x_": "x", "好reviews 2": "reviews_2", "": "model", "--": "model", "exports/go": "go_model", "main": "main_model",
	} {
		if got := Identifier(path); got != want || Identifier(got) != got {
			t.Errorf("%q becomes %q, want %q", path, got, want)
		}
	}
}

func TestMappingsHoldEveryChange(t *testing.T) {
	list := []change{{'A', "a"}, {'B', "b"}, {'C', "c"}, {'Æ', "ae"}, {0x100, "\u0101"}, {0x102, "\u0103"}, {0x104, "\u0105"}, {0x106, "x"}, {0x300, ""}, {0x301, ""}, {0x303, ""}, {'㎏', "kg"}}
	m := newMapping(list)
	found := map[rune]string{}
	for _, s := range m.Shifts {
		for c := s[0]; c <= s[1]; c += s[2] {
			found[c] = string(c + s[3])
		}
	}
	for _, r := range m.Dropped {
		for c := r[0]; c <= r[1]; c++ {
			found[rune(c)] = ""
		}
	}
	for i, c := range m.Characters {
		found[rune(c)] = m.Texts.Text(i)
	}
	if len(found) != len(list) || len(m.Shifts) != 2 || len(m.Dropped) != 2 {
		t.Errorf("%d changes of %d in %d runs and %d ranges", len(found), len(list), len(m.Shifts), len(m.Dropped))
	}
	for _, c := range list {
		if got, ok := found[c.from]; !ok || got != c.to {
			t.Errorf("%q becomes %q, want %q", c.from, got, c.to)
		}
	}
}

func TestTagsAreAllThatHTMLKnows(t *testing.T) {
	tags := HTMLTags()
	var names []string
	for i := range tags.Words.Len() {
		names = append(names, tags.Words.Text(i))
		if atom.Lookup([]byte(names[i])) == 0 {
			t.Errorf("%q is no tag", names[i])
		}
	}
	if !slices.IsSorted(names) || len(names) < 300 {
		t.Errorf("%d tags, in order: %v", len(names), slices.IsSorted(names))
	}
	for name, kind := range kindsOf {
		if i := slices.Index(names, name); i < 0 || tags.Kinds[i] != kind {
			t.Errorf("the tag %q is not of kind %d", name, kind)
		}
	}
	for _, a := range []atom.Atom{atom.P, atom.Br, atom.Blockquote, atom.Href, atom.Svg} {
		if !slices.Contains(names, a.String()) {
			t.Errorf("%q is missing", a)
		}
	}
}
