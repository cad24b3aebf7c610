package eval

import "math"

// Temperature returns the divisor of the logits that makes probabilities fit the targets best: it minimises the log loss
// (Guo et al. 2017, "On Calibration of Modern Neural Networks"). probabilities, [examples][labels], are those of
// temperature 1. The result lies in [0.05, 20].
func Temperature(targets []int, probabilities [][]float32) float64 {
	t, _ := calibrate(targets, probabilities)
	return t
}

// CalibratedLoss returns the mean log loss at the best temperature: how well models tell labels apart, whatever the
// scale of their scores, and a steadier figure than accuracy where examples are few.
func CalibratedLoss(targets []int, probabilities [][]float32) float64 {
	_, loss := calibrate(targets, probabilities)
	return loss
}

// CalibratedLosses returns the log loss of each example at the temperature that is best for all.
func CalibratedLosses(targets []int, probabilities [][]float32) []float64 {
	t, _ := calibrate(targets, probabilities)
	losses := make([]float64, len(targets))
	for i, row := range probabilities {
		losses[i] = lossAt(1/t, row, targets[i])
	}
	return losses
}

// lossAt is the log loss of a row of probabilities whose logits are multiplied by inverse.
func lossAt(inverse float64, row []float32, target int) float64 {
	top, sum := math.Inf(-1), 0.0
	for _, p := range row {
		top = max(top, math.Log(clip(float64(p)))*inverse)
	}
	for _, p := range row {
		sum += math.Exp(math.Log(clip(float64(p)))*inverse - top)
	}
	return top + math.Log(sum) - math.Log(clip(float64(row[target])))*inverse
}

func calibrate(targets []int, probabilities [][]float32) (temperature, loss float64) {
	at := func(logT float64) float64 {
		inverse := math.Exp(-logT)
		total := 0.0
		for i, row := range probabilities {
			total += lossAt(inverse, row, targets[i])
		}
		return total / float64(max(len(targets), 1))
	}
	// Golden-section search: the loss is convex in 1/T and so has one minimum in log T.
	const golden = 0.6180339887498949
	lo, hi := math.Log(0.05), math.Log(20)
	a, b := hi-golden*(hi-lo), lo+golden*(hi-lo)
	fa, fb := at(a), at(b)
	for range 40 {
		if fa < fb {
			hi, b, fb = b, a, fa
			a = hi - golden*(hi-lo)
			fa = at(a)
		} else {
			lo, a, fa = a, b, fb
			b = lo + golden*(hi-lo)
			fb = at(b)
		}
	}
	return math.Exp((lo + hi) / 2), min(fa, fb)
}

// Threshold returns the probability from which on a label should hold for the highest F1; 0.5 where no example has the
// label. Between two probabilities it takes the middle.
func Threshold(holds []bool, probabilities []float64) float64 {
	wanted := 0
	for _, h := range holds {
		if h {
			wanted++
		}
	}
	if wanted == 0 {
		return 0.5
	}
	order := byScore(probabilities)
	best, threshold, right := 0.0, 0.5, 0
	for n, i := range order {
		if holds[i] {
			right++
		}
		next := 0.0
		if n+1 < len(order) {
			next = probabilities[order[n+1]]
		}
		if next == probabilities[i] {
			continue // equal probabilities fall on one side
		}
		if f1 := 2 * float64(right) / float64(n+1+wanted); f1 > best {
			best, threshold = f1, (probabilities[i]+next)/2
		}
	}
	return threshold
}

// reliability gathers predictions by their confidence; ece is the expected calibration error.
func reliability(targets, predictions []int, confidences []float64, n int) (bins []Bin, ece float64) {
	bins = make([]Bin, n)
	for i := range bins {
		bins[i] = Bin{Low: float64(i) / float64(n), High: float64(i+1) / float64(n)}
	}
	for i, p := range confidences {
		// Ranges are open below and closed above, as in the paper.
		b := &bins[min(max(int(math.Ceil(p*float64(n)))-1, 0), n-1)]
		b.Count++
		b.Confidence += p
		if predictions[i] == targets[i] {
			b.Accuracy++
		}
	}
	for i := range bins {
		b := &bins[i]
		b.Confidence, b.Accuracy = ratio(b.Confidence, float64(b.Count)), ratio(b.Accuracy, float64(b.Count))
		ece += math.Abs(b.Confidence-b.Accuracy) * float64(b.Count) / float64(len(targets))
	}
	return bins, ece
}

// Uncalibrated is what the probabilities of a model would be worth without its temperature.
type Uncalibrated struct {
	Temperature float64 `json:"temperature"` // that the model divides its logits by
	LogLoss     float64 `json:"log_loss"`
	ECE         float64 `json:"ece"`
	Bins        []Bin   `json:"bins"`
}

// beforeScaling undoes the temperature: with p = softmax(z/T), pᵀ scaled to a sum of 1 is softmax(z).
func (r *Report) beforeScaling(targets, predictions []int, probabilities [][]float32, o Options) {
	if o.Temperature <= 0 || o.Temperature == 1 {
		return
	}
	u := &Uncalibrated{Temperature: o.Temperature}
	confidences := make([]float64, len(targets))
	for i, row := range probabilities {
		// In logarithms, so that no power of a small probability is lost.
		top := o.Temperature * math.Log(float64(row[predictions[i]]))
		sum := 0.0
		for _, p := range row {
			sum += math.Exp(o.Temperature*math.Log(float64(p)) - top)
		}
		confidences[i] = 1 / sum
		target := math.Exp(o.Temperature*math.Log(float64(row[targets[i]]))-top) / sum
		u.LogLoss -= math.Log(clip(target)) / float64(len(targets))
	}
	u.Bins, u.ECE = reliability(targets, predictions, confidences, len(r.Bins))
	r.Before = u
}
