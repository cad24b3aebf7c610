//go:build unix

package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/examples"
)

// TestAKilledTrainingResumes kills the real program at random moments, by SIGINT, SIGTERM and SIGKILL, and resumes it:
// the model must be the one that an undisturbed training gives, byte for byte.
func TestAKilledTrainingResumes(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the program many times")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "xiaoyu")
	self, err := os.Executable()
	if err == nil {
		err = os.Symlink(self, program) // by this name a program of tests is xiaoyu: testscript has it so
	}
	if err != nil {
		t.Fatal(err)
	}
	sample, err := examples.Reviews("zh")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "reviews.csv"), sample, 0o644); err != nil {
		t.Fatal(err)
	}
	command := func(name string, more ...string) *exec.Cmd {
		cmd := exec.Command(program, append([]string{"train", "--data", "reviews.csv", "--model", "lstm", "--out", name, "--set", "runs=runs-" + name,
			"--set", "model.hidden=64", "--set", "train.epochs=4", "--set", "train.patience=0", "--set", "train.checkpoint=1", "--set", "eval.bootstrap=0"}, more...)...)
		cmd.Dir = dir
		return cmd
	}
	weights := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(dir, name, "model.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	start := time.Now()
	if out, err := command("undisturbed").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	whole := time.Since(start)
	want := weights("undisturbed")
	for i, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL, syscall.SIGKILL} {
		name := fmt.Sprint("m", i)
		var resume []string
		for try := 0; ; try++ {
			cmd := command(name, resume...)
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if try < 3 {
				time.Sleep(time.Duration(rand.Int64N(int64(whole))))
				// The program may have ended by itself.
				_ = cmd.Process.Signal(signal)
			}
			err := cmd.Wait()
			if err == nil {
				break
			}
			if try >= 3 {
				t.Fatalf("%v: %v: %s", signal, err, out.String())
			}
			if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
				break // killed on its way out: the package must be whole
			}
			resume = nil
			if saved, _ := filepath.Glob(filepath.Join(dir, "runs-"+name, "*", "checkpoint.safetensors")); len(saved) > 0 {
				resume = []string{"--resume"}
			}
		}
		if !bytes.Equal(weights(name), want) {
			t.Errorf("%v: the weights differ", signal)
		}
		left, _ := filepath.Glob(filepath.Join(dir, ".*tmp*"))
		if signal != syscall.SIGKILL && len(left) > 0 {
			t.Errorf("%v: left %s", signal, strings.Join(left, " "))
		}
	}
}
