// Command stream reads, cleans and splits a large file of JSON lines, and prints speed and memory:
//
//	go run ./bench/stream --gb 10
//
// The lines are made as they are read and come through standard input of a second process, so that no disk is needed
// and the maker's memory does not count.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/conf"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/track"
)

func main() {
	gb := flag.Float64("gb", 10, "gigabytes to read")
	read := flag.Bool("read", false, "read standard input (the second process)")
	flag.Parse()
	var err error
	if *read {
		err = consume()
	} else {
		err = produce(int64(*gb * 1e9))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// produce starts the reader and feeds it n bytes of lines: reviews of 20 to 300 characters, a fifth of them with something to clean, a tenth of
// them doubles.
func produce(n int64) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, "-read")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	w := bufio.NewWriterSize(in, 1<<20)
	if err := write(w, n); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	in.Close()
	return cmd.Wait()
}

func write(w io.Writer, n int64) error {
	parts := []string{"房间很干净", "服务态度一般", "早餐种类多", "下次还来", "the staff was kind", "价格有点高", "推荐", "离地铁站近", " ", "，", "。", "last day"}
	dirt := []string{"<b>赞</b>", "！！！！！！", "https://a.example/x", "ＶＩＰ", "&amp;"}
	rng := rand.New(rand.NewPCG(1, 1))
	var line []byte
	for written, i := int64(0), 0; written < n; i++ {
		if i%10 != 9 { // every tenth line stands twice
			line = append(line[:0], `{"text":"`...)
			for range 4 + rng.IntN(40) {
				line = append(line, parts[rng.IntN(len(parts))]...)
			}
			if i%5 == 0 {
				line = append(line, dirt[rng.IntN(len(dirt))]...)
			}
			line = strconv.AppendInt(line, int64(i), 10)
			line = append(line, `","label":"`...)
			line = strconv.AppendInt(line, int64(i%3), 10)
			line = append(line, "\"}\n"...)
		}
		if _, err := w.Write(line); err != nil {
			return err
		}
		written += int64(len(line))
	}
	return nil
}

// consume does what `xiaoyu data` does with a file.
func consume() error {
	var c data.Config
	conf.Defaults(&c)
	r, err := data.Open(context.Background(), "-", c.Columns)
	if err != nil {
		return err
	}
	defer r.Close()
	start := time.Now()
	pass, err := data.NewPass(&c)
	if err != nil {
		return err
	}
	var sides [3]int64
	for e, err := range r.All() {
		if err != nil {
			return err
		}
		side := c.Split.Side(e.Text)
		if pass.Clean(&e) {
			sides[side]++
		}
	}
	done, _ := r.Progress()
	seconds := time.Since(start).Seconds()
	fmt.Printf("%s in %.0f s, %s/s, peak RSS %s\n", size.Bytes(done), seconds, size.Bytes(int64(float64(done)/seconds)), size.Bytes(track.PeakRSS()))
	fmt.Printf("train %d, validation %d, test %d rows\n", sides[data.Train], sides[data.Validation], sides[data.Test])
	pass.Report.Examples = nil
	pass.Report.Text(os.Stdout)
	return nil
}
