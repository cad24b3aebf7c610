package main

import (
	"math"
	"strconv"

	"github.com/xiaoyu-slm/xiaoyu/tune"
)

// function is a search whose answer is known: its space as package tune and as optuna.py write it, and what is minimised.
type function struct {
	name   string
	trials int
	ranges map[string]string
	least  float64 // the minimum
	value  func(params map[string]string) float64
	table  string // of a training: the file of its values
}

var functions = []function{
	{name: "branin", trials: 60, ranges: map[string]string{"x": "-5.0..10.0", "y": "0.0..15.0"}, least: 0.397887, value: func(p map[string]string) float64 {
		x, y := num(p["x"]), num(p["y"])
		a := y - 5.1/(4*math.Pi*math.Pi)*x*x + 5/math.Pi*x - 6
		return a*a + 10*(1-1/(8*math.Pi))*math.Cos(x) + 10
	}},
	{name: "hartmann6", trials: 100, ranges: map[string]string{"x0": "0..1", "x1": "0..1", "x2": "0..1", "x3": "0..1", "x4": "0..1", "x5": "0..1"}, least: -3.32237, value: hartmann6},
	{name: "rosenbrock", trials: 100, ranges: map[string]string{"x0": "-2.0..2.0", "x1": "-2.0..2.0", "x2": "-2.0..2.0", "x3": "-2.0..2.0"}, value: rosenbrock},
	{name: "mixed", trials: 100, ranges: map[string]string{
		"kind": "a,b,c", "rate": "log:1e-5..1", "layers": "1..8", "drop": "0..0.9/0.1", "momentum": "0..1 if kind=b", "width": "log:8..1024",
	}, value: mixed},
}

func num(text string) float64 {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		panic(err)
	}
	return v
}

// hartmann6 is the six-dimensional function of Hartmann (1973), as it is used in tests of global optimisation.
func hartmann6(p map[string]string) float64 {
	alpha := []float64{1, 1.2, 3, 3.2}
	a := [][]float64{{10, 3, 17, 3.5, 1.7, 8}, {0.05, 10, 17, 0.1, 8, 14}, {3, 3.5, 1.7, 10, 17, 8}, {17, 8, 0.05, 10, 0.1, 14}}
	c := [][]float64{{1312, 1696, 5569, 124, 8283, 5886}, {2329, 4135, 8307, 3736, 1004, 9991}, {2348, 1451, 3522, 2883, 3047, 6650}, {4047, 8828, 8732, 5743, 1091, 381}}
	sum := 0.0
	for i := range alpha {
		inner := 0.0
		for j := range 6 {
			d := num(p["x"+strconv.Itoa(j)]) - 1e-4*c[i][j]
			inner += a[i][j] * d * d
		}
		sum -= alpha[i] * math.Exp(-inner)
	}
	return sum
}

// rosenbrock is the valley of Rosenbrock (1960) in four dimensions. It had no part in the choice of anything in TPE.
func rosenbrock(p map[string]string) float64 {
	sum := 0.0
	for i := range 3 {
		x, next := num(p["x"+strconv.Itoa(i)]), num(p["x"+strconv.Itoa(i+1)])
		sum += 100*(next-x*x)*(next-x*x) + (1-x)*(1-x)
	}
	return sum
}

// mixed is shaped like the search for a network's settings: a choice that matters most, a rate on a logarithmic scale,
// whole numbers, steps, and a setting that applies to one choice alone.
func mixed(p map[string]string) float64 {
	rate, width := math.Log10(num(p["rate"]))+2.5, math.Log2(num(p["width"]))-7
	layers, drop := num(p["layers"])-3, num(p["drop"])-0.3
	v := rate*rate + 0.1*layers*layers + 2*drop*drop + 0.05*width*width + 0.2*rate*width
	switch p["kind"] {
	case "a":
		v += 0.5
	case "b":
		m := num(p["momentum"]) - 0.8
		v += m * m
	default:
		v += 1
	}
	return v
}

// spaceOf returns the space of a function; x of branin and its like are no whole numbers.
func spaceOf(f *function) (tune.Space, error) {
	s, err := tune.ParseSpace(f.ranges)
	for i := range s {
		if name := s[i].Name; s[i].Kind == tune.Int && name != "layers" && name != "width" && f.table == "" {
			s[i].Kind = tune.Float
		}
	}
	return s, err
}
