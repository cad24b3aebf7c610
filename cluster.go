package xiaoyu

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/text"
	"github.com/xiaoyu-slm/xiaoyu/vector"
)

// ClusterOptions say how the texts of an index are parted.
type ClusterOptions struct {
	K        int    // clusters; 0 chooses their number by the silhouette
	Seed     uint64 // of the first centres
	Keywords int    // of each cluster
	Examples int    // texts of each cluster, nearest to its centre
	Out      string // file of JSON lines with text, line, cluster and cosine of every row, or ""
	Observer Observer
}

// Clusters are texts that belong together.
type Clusters struct {
	Rows       int            `json:"rows"`
	Silhouette float64        `json:"silhouette"` // of a sample: 1 for parts far from each other, about 0 for parts side by side
	Clusters   []TextsCluster `json:"clusters"`   // largest first
}

// TextsCluster is one of them.
type TextsCluster struct {
	Cluster  int      `json:"cluster"`
	Size     int      `json:"size"`
	Keywords []string `json:"keywords"`
	Examples []Found  `json:"examples"`
}

// Cluster parts the texts of an index by meaning, and says what the parts are about.
func (x *Index) Cluster(ctx context.Context, o ClusterOptions) (*Clusters, error) {
	if o.Observer == nil {
		o.Observer = silent{}
	}
	o.Observer.Stage("clustering", 0, "")
	found, err := vector.Cluster(ctx, x.Set, vector.ClusterOptions{K: o.K, Seed: o.Seed})
	if err != nil {
		return nil, err
	}
	out := &Clusters{Rows: x.Len(), Silhouette: found.Silhouette}
	keywords, err := x.keywords(ctx, found, o)
	if err != nil {
		return nil, err
	}
	for j, size := range found.Sizes {
		c := TextsCluster{Cluster: j, Size: size, Keywords: keywords[j]}
		if c.Examples, err = x.central(found, int32(j), o.Examples); err != nil {
			return nil, err
		}
		out.Clusters = append(out.Clusters, c)
	}
	if o.Out != "" {
		err = x.writeClusters(ctx, found, o.Out)
	}
	return out, err
}

// keywords reads all texts and weighs their words.
func (x *Index) keywords(ctx context.Context, c *vector.Clustering, o ClusterOptions) ([][]string, error) {
	segmenter, err := text.NewSegmenter()
	if err != nil {
		return nil, err
	}
	words := vector.NewKeywords(len(c.Sizes), segmenter)
	o.Observer.Stage("keywords", int64(x.Len()), "texts")
	for i, j := range c.Of {
		if i%256 == 0 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			o.Observer.Progress(int64(i), "")
		}
		row, err := x.Row(i)
		if err != nil {
			return nil, err
		}
		words.Add(j, row.Text)
	}
	o.Observer.Progress(int64(x.Len()), "")
	return words.Top(o.Keywords), nil
}

// central returns n different texts of a cluster, nearest to its centre.
func (x *Index) central(c *vector.Clustering, cluster int32, n int) ([]Found, error) {
	var rows []int
	for i, j := range c.Of {
		if j == cluster {
			rows = append(rows, i)
		}
	}
	slices.SortStableFunc(rows, func(a, b int) int { return cmp.Compare(c.Cosines[b], c.Cosines[a]) })
	out, seen := []Found{}, map[string]bool{}
	for _, i := range rows {
		if len(out) == n {
			break
		}
		row, err := x.Row(i)
		if err != nil {
			return nil, err
		}
		if !seen[row.Text] {
			seen[row.Text] = true
			out = append(out, Found{row, c.Cosines[i]})
		}
	}
	return out, nil
}

// writeClusters writes the cluster of every row.
func (x *Index) writeClusters(ctx context.Context, c *vector.Clustering, path string) error {
	f, err := atomicfile.Create(path)
	if err != nil {
		return err
	}
	defer f.Abort()
	buffered := bufio.NewWriter(f)
	e := json.NewEncoder(buffered)
	e.SetEscapeHTML(false)
	for i, j := range c.Of {
		if i%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		row, err := x.Row(i)
		if err != nil {
			return err
		}
		if err := e.Encode(struct {
			vector.Row
			Cluster int32   `json:"cluster"`
			Cosine  float32 `json:"cosine"`
		}{row, j, c.Cosines[i]}); err != nil {
			return fmt.Errorf("writing %s: %w", path, err)
		}
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return f.Commit()
}

// Meaning is the likeness of texts by their vectors, with a prompt before each: near doubles by it say the same in other words.
func Meaning(m Embedder, prompt string) *data.Likeness {
	var set *vector.Set
	return &data.Likeness{
		Name: "cosine",
		Groups: func(ctx context.Context, texts []string, threshold float64, progress func(done, total int64)) ([][]int32, error) {
			set = vector.NewSet(m.Dim())
			examples := func(yield func(data.Example, error) bool) {
				for _, s := range texts {
					if !yield(data.Example{Text: s}, nil) {
						return
					}
				}
			}
			// Both stages count as one of twice the texts.
			total := int64(2 * len(texts))
			for e, err := range EmbedAll(ctx, m, examples, prompt) {
				if err != nil {
					return nil, err
				}
				if err := set.Add(e.Vector); err != nil {
					return nil, err
				}
				progress(int64(set.Len()), total)
			}
			return set.Groups(ctx, threshold, func(done, of int64) {
				progress(int64(len(texts))+done*int64(len(texts))/max(of, 1), total)
			})
		},
		Of: func(i, j int32) float64 { return float64(set.Cosine(int(i), int(j))) },
	}
}
