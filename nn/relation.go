package nn

import (
	"fmt"
	"math"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// Relation are the options of RelationLoss: which columns of student and teacher are compared, and in how many parts.
type Relation struct {
	Heads         int // both sides' columns are cut into so many parts of equal width
	From, Width   int // columns of the student's rows
	Of, OfWidth   int // columns of the teacher's
	TeacherColumn int // numbers of a row of the teacher's
}

// RelationLoss returns how the relations among a text's tokens differ from a teacher's (Wang et al. 2020, "MiniLM", 2021,
// "MiniLMv2"): of each part of the columns the softmax over tokens j of ⟨xᵢ, xⱼ⟩/√width is a distribution for each token
// i, and the result is the mean over tokens and parts of the Kullback–Leibler divergence of the student's from the
// teacher's. x is [tokens, columns], of queries, keys or values say; teacher holds the same tokens, in rows of its own
// width. Since tokens are compared with tokens, neither widths nor numbers of heads have to agree.
func (t *Tape) RelationLoss(x *Var, teacher []float32, offsets []int32, r Relation) *Var {
	switch {
	case len(teacher) != x.Rows*r.TeacherColumn:
		panic(fmt.Sprintf("nn: relations of %d tokens, %d numbers of the teacher in rows of %d", x.Rows, len(teacher), r.TeacherColumn))
	case r.Heads < 1 || r.Width%r.Heads != 0 || r.OfWidth%r.Heads != 0 || r.From+r.Width > x.Cols || r.Of+r.OfWidth > r.TeacherColumn:
		panic(fmt.Sprintf("nn: relations %+v of %d columns", r, x.Cols))
	}
	sequences := max(len(offsets)-1, 0)
	gaps := make([]float64, sequences)
	slope := t.arena.Raw(x.Rows * r.Width) // gradient of the sum over tokens and parts
	t.pool.For(sequences, 1, func(lo, hi int) {
		longest := 0
		for s := lo; s < hi; s++ {
			longest = max(longest, int(offsets[s+1]-offsets[s]))
		}
		memory := make([]float32, 4*longest*longest+2*longest)
		w := relating{Relation: r, memory: memory, sums: memory[4*longest*longest:]}
		for s := lo; s < hi; s++ {
			from, to := int(offsets[s]), int(offsets[s+1])
			for h := range r.Heads {
				gaps[s] += w.head(x.Data[from*x.Cols:], x.Cols, teacher[from*r.TeacherColumn:], slope[from*r.Width:], to-from, h)
			}
		}
	})
	total, n := 0.0, float64(max(x.Rows*r.Heads, 1))
	for _, gap := range gaps {
		total += gap
	}
	loss := t.value(1, 1)
	loss.Data[0] = float32(total / n)
	if t.training() {
		t.record(loss, nil, func() {
			grad, scale := x.Gradient(), float32(float64(loss.Grad[0])/n)
			for i := range x.Rows {
				kernel.Axpy(scale, slope[i*r.Width:(i+1)*r.Width], grad[i*x.Cols+r.From:i*x.Cols+r.From+r.Width])
			}
		})
	}
	return loss
}

// relating is the memory of one worker: scores and probabilities, [tokens, tokens], of student and teacher, and the
// logarithms of the sums of their rows.
type relating struct {
	Relation
	memory, sums []float32
}

// head returns the divergence of part h of a text of n tokens, summed over them, and puts its gradient with respect to
// the part's columns into slope, [n, Width]. student and teacher begin with the text's first token.
func (w *relating) head(student []float32, columns int, teacher, slope []float32, n, h int) float64 {
	if n == 0 {
		return 0
	}
	d, dt := w.Width/w.Heads, w.OfWidth/w.Heads
	x, z := student[w.From+h*d:], teacher[w.Of+h*dt:]
	square := n * n
	p, q, scores, wanted := w.memory[:square], w.memory[square:2*square], w.memory[2*square:3*square], w.memory[3*square:4*square]
	logP, logQ := w.sums[:n], w.sums[n:2*n]
	kernel.GemmNT(kernel.F32, n, n, d, x, columns, x, columns, scores, n, false)
	kernel.GemmNT(kernel.F32, n, n, dt, z, w.TeacherColumn, z, w.TeacherColumn, wanted, n, false)
	scale := float32(1 / math.Sqrt(float64(d)))
	kernel.Scale(scale, scores)
	kernel.Scale(float32(1/math.Sqrt(float64(dt))), wanted)
	copy(p, scores)
	copy(q, wanted)
	kernel.SoftmaxRows(p, n, n, 1, logP)
	kernel.SoftmaxRows(q, n, n, 1, logQ)
	gap := 0.0
	for i := range n {
		row := q[i*n : (i+1)*n]
		// log q − log p, weighted by q
		gap += float64(kernel.Dot(row, wanted[i*n:(i+1)*n])-kernel.Dot(row, scores[i*n:(i+1)*n])) + float64(logP[i]) - float64(logQ[i])
	}
	kernel.Axpy(-1, q, p)
	kernel.Scale(scale, p) // the gradient of the inner products
	out := slope[h*d:]
	kernel.GemmNN(kernel.F32, n, d, n, p, n, x, columns, out, w.Width, false)
	kernel.GemmTN(kernel.F32, n, d, n, p, n, x, columns, out, w.Width, true)
	return gap
}
