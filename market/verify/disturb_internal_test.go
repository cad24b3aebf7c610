package verify

import (
	"fmt"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/data"
)

// TestEntitiesMoveWithTheirText disturbs texts in which no letter occurs twice, so that each letter tells where it comes from.
func TestEntitiesMoveWithTheirText(t *testing.T) {
	const before, inside, after = "abcdefgh", "ijklmnop", "qrstuvwxyz"
	in, left := 0, 0
	for n := range 2000 {
		text := fmt.Sprintf("%d %s%s%s", n, before, inside, after)
		start := strings.Index(text, inside)
		row := Row{Text: text, Entities: []data.Entity{{Start: start, End: start + len(inside), Label: "X"}, {Start: 0, End: len(text), Label: "ALL"}}}
		other, ok := disturbances[0].row(row)
		if !ok {
			left++
			continue
		}
		in++
		e := other.Entities[0]
		if e.Label != "X" || strings.Trim(other.Text[e.Start:e.End], inside) != "" || strings.ContainsAny(other.Text[:e.Start]+other.Text[e.End:], inside) {
			t.Fatalf("%q has the entity %q", other.Text, other.Text[e.Start:e.End])
		}
		if all := other.Entities[1]; all.Start != 0 || all.End != len(other.Text) {
			t.Fatalf("the whole of %q is from %d to %d", other.Text, all.Start, all.End)
		}
	}
	if in < 1000 || left < 100 {
		t.Errorf("%d moved, %d left out", in, left)
	}
	row := Row{Text: "在 Berlin 见面", Entities: []data.Entity{{Start: 4, End: 10, Label: "LOC"}}}
	for _, d := range disturbances[2:3] {
		other, ok := d.row(row)
		if e := other.Entities[0]; !ok || other.Text[e.Start:e.End] != "Ｂｅｒｌｉｎ" {
			t.Errorf("%s: %+v", d.Kind, other)
		}
	}
	// A letter of the entity that has changed places with its neighbour has parted it.
	if e, ok := moved([]placed{{'x', 0}, {'z', 2}, {'y', 1}}, 0, 2, "X"); ok {
		t.Errorf("an entity with a stranger in it is taken: %+v", e)
	}
	if e, ok := moved([]placed{{'x', 0}, {'z', 2}}, 1, 2, "X"); ok {
		t.Errorf("an entity that is gone is taken: %+v", e)
	}
}
