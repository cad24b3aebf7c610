package checkpoint

import (
	"regexp"
	"strings"
)

// Exporters keep the names of most parameters. But a linear layer is x·Wᵀ in PyTorch and becomes MatMul(x, V) in a
// graph, with V = Wᵀ folded into a new initialiser that is called onnx::MatMul_123 or val_7. What V was is told by
// the node that uses it: by its path (/encoder/layer.0/attention/self/query/MatMul, torch.onnx before 2.6 and
// optimum), by the scopes in its metadata (torch.onnx with dynamo), or by the bias that is added to its result, which
// kept its name.

// exporterName matches the names that exporters give to folded initialisers.
var exporterName = regexp.MustCompile(`^(onnx::\w+_\d+|val_\d+|\d+)$`)

// renameInitialisers gives weights of linear layers, which exporters transpose and rename, their names and layouts
// back. A name that is taken stays with who has it.
func (s *Set) renameInitialisers(nodes []onnxNode) {
	users := map[string]*onnxNode{} // by input; the last one of several, which does not matter for what is asked
	for i := range nodes {
		for _, input := range nodes[i].inputs {
			users[input] = &nodes[i]
		}
	}
	renamed := map[string]string{}
	for i := range nodes {
		n := &nodes[i]
		if len(n.inputs) < 2 || (n.operator != "MatMul" && n.operator != "MatMulInteger") {
			continue
		}
		old := strings.TrimSuffix(n.inputs[1], quantisedSuffix)
		t, ok := s.tensors[old]
		if !ok || len(t.shape) != 2 || !exporterName.MatchString(old) || renamed[old] != "" {
			continue
		}
		module := s.moduleOf(n, users)
		if module == "" || s.tensors[module+".weight"] != nil {
			continue
		}
		rows, columns := t.shape[1], t.shape[0]
		t.shape, t.view = []int{rows, columns}, transposed(rows, columns)
		s.tensors[module+".weight"] = t
		renamed[old] = module + ".weight"
	}
	s.rename(renamed)
}

// moduleOf returns the linear layer that a product belongs to, "" if nothing tells.
func (s *Set) moduleOf(n *onnxNode, users map[string]*onnxNode) string {
	if n.scope != "" {
		return n.scope
	}
	if path, _, ok := cutLast(strings.TrimPrefix(n.name, "/"), "/"); ok && strings.HasPrefix(n.name, "/") {
		return strings.ReplaceAll(path, "/", ".")
	}
	if len(n.outputs) == 0 {
		return ""
	}
	sum, ok := users[n.outputs[0]]
	if !ok || sum.operator != "Add" {
		return ""
	}
	for _, input := range sum.inputs {
		if module, ok := strings.CutSuffix(input, ".bias"); ok && s.tensors[input] != nil {
			return module
		}
	}
	return ""
}

// moduleOfScopes takes the innermost module from [”, 'encoder', 'encoder.layer.0', …, 'linear_3'], the names of the
// modules around an operation and of the operation itself.
func moduleOfScopes(list string) string {
	parts := strings.Split(strings.Trim(list, "[] "), ",")
	if len(parts) < 2 {
		return ""
	}
	return strings.Trim(parts[len(parts)-2], ` '"`)
}

// cutLast splits around the last separator.
func cutLast(s, separator string) (before, after string, found bool) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(separator):], true
}
