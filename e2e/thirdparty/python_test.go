// Package thirdparty has other people's programs judge our files and figures: the Python packages tokenizers,
// safetensors, tensorboard, scikit-learn, pyarrow, openpyxl and others, in the versions of requirements.txt.
//
// The tests need the interpreter of a virtual environment that has them, named by XIAOYU_PYTHON; without it they are
// skipped, with it a missing package is a failure:
//
//	python3 -m venv .venv && .venv/bin/pip install -r e2e/thirdparty/requirements.txt
//	XIAOYU_PYTHON=$PWD/.venv/bin/python go test ./e2e/thirdparty
//
// llama.cpp comes by npm, and XIAOYU_LLAMA names its folder:
//
//	npm install --no-save --ignore-scripts --omit=optional --prefix e2e/thirdparty/llama
//	XIAOYU_LLAMA=$PWD/e2e/thirdparty/llama go test -run Llama ./e2e/thirdparty
package thirdparty

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// needsPython returns the interpreter, or skips the test where there is none.
func needsPython(t *testing.T) string {
	t.Helper()
	interpreter := os.Getenv("XIAOYU_PYTHON")
	if interpreter == "" {
		t.Skip("needs XIAOYU_PYTHON, the interpreter of an environment with requirements.txt")
	}
	return interpreter
}

// python runs a script of this folder and returns what it prints.
func python(t *testing.T, script string, args ...string) string {
	t.Helper()
	interpreter := needsPython(t)
	var stderr bytes.Buffer
	cmd := exec.Command(interpreter, append([]string{script}, args...)...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", script, err, out, stderr.String())
	}
	return strings.TrimSpace(string(out))
}
