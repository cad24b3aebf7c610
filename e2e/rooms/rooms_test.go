// Package rooms holds the project's layout to its word: ARCHITECTURE.md lists the packages floor by floor, and a package
// may import only what stands on lower floors, or beside it where the list says so.
package rooms

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const module = "github.com/xiaoyu-slm/xiaoyu"

// room is a line of the list.
type room struct {
	floor int
	knows []string // rooms of the same floor that it may import
}

// A line of the list in ARCHITECTURE.md: | floor | `package` | what it holds | rooms of its floor that it knows |
var line = regexp.MustCompile("^\\| ([0-9]+) \\| `([^`]+)` \\|[^|]+\\|([^|]*)\\|$")

func rooms(t *testing.T) map[string]room {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	list := map[string]room{}
	for _, l := range strings.Split(string(page), "\n") {
		m := line.FindStringSubmatch(strings.TrimSpace(l))
		if m == nil {
			continue
		}
		r := room{floor: int(m[1][0] - '0')}
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(m[3], -1) {
			r.knows = append(r.knows, name[1])
		}
		list[m[2]] = r
	}
	if len(list) < 10 {
		t.Fatalf("ARCHITECTURE.md lists only %d rooms", len(list))
	}
	return list
}

func TestArrowsPointDown(t *testing.T) {
	list := rooms(t)
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = filepath.Join("..", "..")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		name := short(p.ImportPath)
		if strings.HasPrefix(name, "e2e/") || strings.HasPrefix(name, "bench/") {
			continue // they look at all rooms from outside
		}
		from, ok := list[name]
		if !ok {
			t.Errorf("%s is on no floor of ARCHITECTURE.md", name)
			continue
		}
		seen[name] = true
		for _, i := range p.Imports {
			if i != module && !strings.HasPrefix(i, module+"/") {
				continue
			}
			to := list[short(i)]
			beside := false
			for _, k := range from.knows {
				beside = beside || k == short(i)
			}
			if to.floor >= from.floor && !beside {
				t.Errorf("%s (floor %d) imports %s (floor %d)", name, from.floor, short(i), to.floor)
			}
		}
	}
	for name := range list {
		if !seen[name] {
			t.Errorf("ARCHITECTURE.md lists %s, which is not there", name)
		}
	}
}

// short is the path within the module; the root is "xiaoyu".
func short(path string) string {
	if path == module {
		return "xiaoyu"
	}
	return strings.TrimPrefix(path, module+"/")
}
