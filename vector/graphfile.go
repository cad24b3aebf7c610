package vector

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"path/filepath"

	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
)

// Write puts a graph beside the store that it is of. The file is whole numbers of 32 bits, little endian: rows, entry,
// levels, the links of layer 0, then for each row with more layers its number, how many, and their links.
func (g *Graph) Write(dir string) error {
	f, err := atomicfile.Create(filepath.Join(dir, graphFile))
	if err != nil {
		return err
	}
	defer f.Abort()
	out := bufio.NewWriterSize(f, 1<<20)
	put := func(numbers ...int32) {
		if err == nil {
			err = binary.Write(out, binary.LittleEndian, numbers)
		}
	}
	put(int32(g.set.Len()), g.entry, int32(g.levels))
	for at := 0; at < len(g.links); at += 1 << 16 {
		put(g.links[at:min(at+1<<16, len(g.links))]...)
	}
	for row, links := range g.upper {
		if links != nil {
			put(int32(row), int32(len(links)/topLinks))
			put(links...)
		}
	}
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		return err
	}
	return f.Commit()
}

// readGraph reads the graph of a set, and refuses links that lead nowhere.
func readGraph(path string, s *Set) (*Graph, error) {
	numbers, err := readNumbers[int32](path, -1)
	if err != nil {
		return nil, err
	}
	n := s.Len()
	if len(numbers) < 3+n*bottomLinks || int(numbers[0]) != n {
		return nil, fmt.Errorf("it is of other vectors")
	}
	g := &Graph{set: s, entry: numbers[1], levels: int(numbers[2]), links: numbers[3 : 3+n*bottomLinks], upper: make([][]int32, n)}
	rest := numbers[3+n*bottomLinks:]
	for len(rest) > 0 {
		if len(rest) < 2 || rest[0] < 0 || int(rest[0]) >= n || rest[1] < 1 || len(rest) < 2+int(rest[1])*topLinks {
			return nil, fmt.Errorf("its layers are cut off")
		}
		size := int(rest[1]) * topLinks
		g.upper[rest[0]] = rest[2 : 2+size]
		rest = rest[2+size:]
	}
	return g, g.check()
}

// check tells whether every link leads to a row that has the layer.
func (g *Graph) check() error {
	n := int32(g.set.Len())
	for i, to := range g.links {
		if to < -1 || to >= n {
			return fmt.Errorf("row %d is linked to row %d of %d", i/bottomLinks, to, n)
		}
	}
	for row, links := range g.upper {
		for i, to := range links {
			if to < -1 || to >= n || to >= 0 && len(g.upper[to])/topLinks <= i/topLinks {
				return fmt.Errorf("row %d is linked to row %d, which is not in that layer", row, to)
			}
		}
	}
	if n > 0 && (g.entry < 0 || g.entry >= n || g.levels != len(g.upper[g.entry])/topLinks) {
		return fmt.Errorf("it has no entry")
	}
	return nil
}
