package distill

import (
	"context"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/internal/linalg"
)

// How the rows of a static embedding are fitted. Both penalties are relative to what they stand beside.
const (
	mapPenalty = 1e-3
	rowPenalty = 0.5
	fitRounds  = 30
)

// fit moves the rows to where the means of the sample's tokens come near to what the encoder says of its texts: first all
// rows by one linear map, which serves tokens that the sample lacks too, then each by itself, the less the rarer it is.
// Both are ridge regressions (the idea is tokenlearn's, which trains by gradients).
func (s *staticMaker) fit(ctx context.Context, p *projection) error {
	begin, end := s.encoder.Around()
	sequences := make([][]int32, len(s.sample))
	for i, ids := range s.sample {
		sequences[i] = slices.Concat(begin, ids, end)
	}
	vectors, err := s.ask(ctx, "texts", sequences)
	if err != nil {
		return err
	}
	targets := p.apply(vectors)
	bags := s.bags()
	s.o.Stage("fitting", fitRounds, "rounds")
	if err := mapRows(s.table, targets, bags, s.o.Dim); err != nil {
		return err
	}
	return moveRows(ctx, s.table, targets, bags, s.o.Dim, func(done int) { s.o.Progress(int64(done), "") })
}

// bag is a text as shares of tokens: its mean is that of their rows.
type bag struct {
	ids    []int32
	shares []float32
}

// bags are the texts of the sample as the result's tokens.
func (s *staticMaker) bags() []bag {
	news := make([]int32, s.encoder.Tokenizer.VocabSize())
	for i := range news {
		news[i] = -1
	}
	for i, old := range s.olds {
		news[old] = int32(i)
	}
	special := s.tokenizer.Special()
	out := make([]bag, len(s.sample))
	for i, ids := range s.sample {
		b := &out[i]
		for _, old := range ids {
			id := news[old]
			if id < 0 || slices.Contains(special, id) {
				continue
			}
			at := slices.Index(b.ids, id)
			if at < 0 {
				at, b.ids, b.shares = len(b.ids), append(b.ids, id), append(b.shares, 0)
			}
			b.shares[at] += 1 / float32(len(ids))
		}
	}
	return out
}

// means are those of the bags' rows, [bags, dim].
func means(table []float32, bags []bag, dim int) []float32 {
	out := make([]float32, len(bags)*dim)
	for i := range bags {
		for k, id := range bags[i].ids {
			kernel.Axpy(bags[i].shares[k], table[int(id)*dim:(int(id)+1)*dim], out[i*dim:(i+1)*dim])
		}
	}
	return out
}

// spread adds to each row its shares of the bags' vectors, [bags, dim]: the transpose of means.
func spread(out, vectors []float32, bags []bag, dim int) {
	for i := range bags {
		for k, id := range bags[i].ids {
			kernel.Axpy(bags[i].shares[k], vectors[i*dim:(i+1)*dim], out[int(id)*dim:(int(id)+1)*dim])
		}
	}
}

// mapRows multiplies all rows by the matrix that brings the means nearest to the targets.
func mapRows(table, targets []float32, bags []bag, dim int) error {
	x := means(table, bags, dim)
	gram, right := make([]float32, dim*dim), make([]float32, dim*dim)
	kernel.GemmTN(kernel.F32, dim, dim, len(bags), x, dim, x, dim, gram, dim, false)
	kernel.GemmTN(kernel.F32, dim, dim, len(bags), x, dim, targets, dim, right, dim, false)
	a, b := make([]float64, dim*dim), make([]float64, dim*dim)
	trace := 0.0
	for i := range a {
		a[i], b[i] = float64(gram[i]), float64(right[i])
		if i%(dim+1) == 0 {
			trace += a[i]
		}
	}
	for i := range dim {
		a[i*(dim+1)] += mapPenalty*trace/float64(dim) + 1e-12
	}
	solved, err := linalg.Solve(a, dim, b, dim)
	if err != nil {
		return err
	}
	matrix := make([]float32, dim*dim)
	for i, v := range solved {
		matrix[i] = float32(v)
	}
	const block = 1024
	out := make([]float32, block*dim)
	for at := 0; at < len(table); at += block * dim {
		rows := table[at:min(at+block*dim, len(table))]
		kernel.GemmNN(kernel.F32, len(rows)/dim, dim, dim, rows, dim, matrix, dim, out, dim, false)
		copy(rows, out)
	}
	return nil
}

// moveRows adds to the rows what brings the means nearest to the targets, at a penalty for every move: conjugate
// gradients on the normal equations, for each column by itself (Hestenes & Stiefel 1952).
func moveRows(ctx context.Context, table, targets []float32, bags []bag, dim int, progress func(done int)) error {
	penalty := rowPenalty * meanShare(bags)
	residual := means(table, bags, dim) // of the texts
	for i, t := range targets {
		residual[i] = t - residual[i]
	}
	gradient := make([]float32, len(table))
	spread(gradient, residual, bags, dim)
	direction := slices.Clone(gradient)
	squares := columnProducts(gradient, gradient, dim)
	step, ahead := make([]float32, dim), make([]float32, len(table))
	for round := range fitRounds {
		if err := ctx.Err(); err != nil {
			return err
		}
		clear(ahead)
		spread(ahead, means(direction, bags, dim), bags, dim)
		kernel.Axpy(penalty, direction, ahead)
		below := columnProducts(direction, ahead, dim)
		for j := range dim {
			step[j] = ratio(squares[j], below[j])
		}
		for at := 0; at < len(table); at += dim {
			for j, f := range step {
				table[at+j] += f * direction[at+j]
				gradient[at+j] -= f * ahead[at+j]
			}
		}
		next := columnProducts(gradient, gradient, dim)
		for j := range dim {
			step[j] = ratio(next[j], squares[j])
		}
		for at := 0; at < len(table); at += dim {
			for j, f := range step {
				direction[at+j] = gradient[at+j] + f*direction[at+j]
			}
		}
		squares = next
		progress(round + 1)
	}
	return nil
}

// meanShare is the mean, over the tokens that occur, of the sum of their squared shares.
func meanShare(bags []bag) float32 {
	sum, seen := 0.0, map[int32]bool{}
	for i := range bags {
		for k, id := range bags[i].ids {
			sum += float64(bags[i].shares[k]) * float64(bags[i].shares[k])
			seen[id] = true
		}
	}
	return float32(sum / float64(max(len(seen), 1)))
}

// columnProducts are the inner products of the columns of a and b, [rows, dim].
func columnProducts(a, b []float32, dim int) []float64 {
	out := make([]float64, dim)
	for at := 0; at < len(a); at += dim {
		for j := range dim {
			out[j] += float64(a[at+j]) * float64(b[at+j])
		}
	}
	return out
}

func ratio(a, b float64) float32 {
	if b == 0 {
		return 0
	}
	return float32(a / b)
}
