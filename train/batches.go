package train

import (
	"cmp"
	"slices"
)

// fillBatch collects the next examples of the epoch, whose order follows from the seed and the epoch's number, and
// returns how many they are. With Config.RDrop each is there twice.
func (tr *Trainer) fillBatch() int {
	n := tr.train.Len()
	if len(tr.order) != n || tr.state.Position == 0 {
		tr.order = permutation(tr.order[:0], n, tr.config.Seed, tr.state.Epoch)
		if tr.config.GroupByLength {
			tr.groupByLength()
		}
	}
	tr.batch.Reset()
	tr.targets.Reset()
	tr.batch.Each = tr.train.Input.Each
	batch := tr.order[tr.state.Position:tr.batchEnd()]
	passes := 1
	if tr.config.RDrop > 0 {
		passes = 2
	}
	for range passes {
		for _, i := range batch {
			tr.model.AppendExample(&tr.batch, &tr.train.Input, int(i))
			if tr.state.Negatives != nil {
				tr.appendNegatives(int(i))
				continue
			}
			tr.targets.AppendExample(&tr.train.Targets, int(i))
		}
	}
	return len(batch)
}

// batchEnd is where in the order the batch ends that begins at the current position.
func (tr *Trainer) batchEnd() int {
	if !tr.config.GroupByLength {
		return min(tr.state.Position+tr.config.BatchSize, tr.train.Len())
	}
	i, _ := slices.BinarySearch(tr.ends, tr.state.Position+1)
	return tr.ends[i]
}

// windowBatches is how many batches are sorted by length together: enough that texts of a batch are about equally
// long, few enough that an epoch stays well mixed.
const windowBatches = 32

// groupByLength sorts windows of the order by length, cuts each into as many batches as it would have been, of about
// equal numbers of tokens, and shuffles these. The number of batches is what it is without grouping, so that
// schedules do not change.
func (tr *Trainer) groupByLength() {
	size, n := tr.config.BatchSize, len(tr.order)
	in := &tr.train.Input.Tokens
	per := in.Len() / n // sequences of an example
	length := func(i int32) int { return int(in.Offsets[(int(i)+1)*per] - in.Offsets[int(i)*per]) }
	var batches [][]int32
	for from := 0; from < n; from += size * windowBatches {
		window := tr.order[from:min(from+size*windowBatches, n)]
		slices.SortStableFunc(window, func(a, b int32) int { return cmp.Compare(length(a), length(b)) })
		batches = cut(batches, window, (len(window)+size-1)/size, length)
	}
	mixed := make([]int32, 0, n)
	tr.ends = tr.ends[:0]
	for _, b := range permutation(nil, len(batches), tr.config.Seed+1, tr.state.Epoch) {
		mixed = append(mixed, batches[b]...)
		tr.ends = append(tr.ends, len(mixed))
	}
	tr.order = mixed
}

// cut appends count parts of window, none of them empty, of about equal numbers of tokens.
func cut(parts [][]int32, window []int32, count int, length func(int32) int) [][]int32 {
	total := 0
	for _, i := range window {
		total += 1 + length(i) // a text costs something even without tokens
	}
	begin, sum := 0, 0
	for part := 1; part <= count; part++ {
		end := begin
		for end < len(window)-(count-part) && (end == begin || sum*count < total*part) {
			sum += 1 + length(window[end])
			end++
		}
		parts = append(parts, window[begin:end])
		begin = end
	}
	return parts
}

// permutation fills order with 0…n-1 shuffled (Fisher–Yates), by PCG-like draws that depend on seed and epoch alone.
func permutation(order []int32, n int, seed uint64, epoch int) []int32 {
	for i := range n {
		order = append(order, int32(i))
	}
	state := seed*0x9e3779b97f4a7c15 + uint64(epoch+1)*0xd1342543de82ef95
	for i := n - 1; i > 0; i-- {
		state = state*6364136223846793005 + 1442695040888963407
		j := int((state >> 33) * uint64(i+1) >> 31)
		order[i], order[j] = order[j], order[i]
	}
	return order
}
