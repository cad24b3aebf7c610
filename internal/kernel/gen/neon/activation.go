package main

func activations(file *file) {
	unary := func(name, doc string, body func(f *function, x vec) vec) {
		elementwise(file, name, doc, "", []string{"x"}, "y", 1, nil, func(f *function, x []vec) vec { return body(f, x[0]) })
	}
	unary("exp", "y = eˣ", (*function).exp)
	unary("tanh", "y = tanh x", (*function).tanh)
	unary("sigmoid", "y = 1/(1+e⁻ˣ)", (*function).sigmoid)
}
