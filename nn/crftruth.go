package nn

// tagTruth is what a CRF learns of the tags of a batch: the tags themselves, or probabilities of each.
type tagTruth interface {
	// score is that of the sequence whose emissions are given and which begins at token from of the batch; the expected
	// one where tags are uncertain.
	score(c CRF, emissions []float32, from int) float64
	// subtract takes the counts of that sequence, times weight, from the gradients; from dEmissions times scale as well.
	subtract(ch *chain, dEmissions []float32, from int, weight float64, scale float32)
}

type hardTags []int32

func (y hardTags) score(c CRF, emissions []float32, from int) float64 {
	k := len(c.Start.Data)
	tags := y[from : from+len(emissions)/k]
	sum := float64(c.Start.Data[tags[0]])
	for i, tag := range tags {
		sum += float64(emissions[i*k+int(tag)])
		if i > 0 {
			sum += float64(c.Transitions.Data[int(tags[i-1])*k+int(tag)])
		}
	}
	return sum + float64(c.End.Data[tags[len(tags)-1]])
}

func (y hardTags) subtract(ch *chain, dEmissions []float32, from int, weight float64, scale float32) {
	k := ch.k
	tags := y[from : from+len(dEmissions)/k]
	ch.dStart[tags[0]] -= weight
	for i, tag := range tags {
		dEmissions[i*k+int(tag)] -= scale * float32(weight)
		if i > 0 {
			ch.dTransitions[int(tags[i-1])*k+int(tag)] -= weight
		}
	}
	ch.dEnd[tags[len(tags)-1]] -= weight
}

// softTags are probabilities, [tokens, tags].
type softTags []float32

func (y softTags) score(c CRF, emissions []float32, from int) float64 {
	k, sum := len(c.Start.Data), 0.0
	q := y[from*k : from*k+len(emissions)]
	for i, v := range q {
		sum += float64(v) * float64(emissions[i])
	}
	for j, v := range q[:k] {
		sum += float64(v) * float64(c.Start.Data[j])
	}
	for i := k; i < len(q); i += k {
		for a, p := range q[i-k : i] {
			for b, v := range q[i : i+k] {
				sum += float64(p) * float64(v) * float64(c.Transitions.Data[a*k+b])
			}
		}
	}
	for j, v := range q[len(q)-k:] {
		sum += float64(v) * float64(c.End.Data[j])
	}
	return sum
}

func (y softTags) subtract(ch *chain, dEmissions []float32, from int, weight float64, scale float32) {
	k := ch.k
	q := y[from*k : from*k+len(dEmissions)]
	for i, v := range q {
		dEmissions[i] -= scale * float32(weight) * v
	}
	for j, v := range q[:k] {
		ch.dStart[j] -= weight * float64(v)
	}
	for i := k; i < len(q); i += k {
		for a, p := range q[i-k : i] {
			d := ch.dTransitions[a*k : (a+1)*k]
			for b, v := range q[i : i+k] {
				d[b] -= weight * float64(p) * float64(v)
			}
		}
	}
	for j, v := range q[len(q)-k:] {
		ch.dEnd[j] -= weight * float64(v)
	}
}
