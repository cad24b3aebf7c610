package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// crowd downloads the weights of a package many times at once. Every answer's length is checked, every 20th's digest.
func (b *bench) crowd(ctx context.Context, clients int, size int64) error {
	data, weights := filepath.Join(b.dir, "crowd"), filepath.Join(b.dir, "weights")
	if err := errors.Join(os.MkdirAll(data, 0o755), model(weights, size)); err != nil {
		return err
	}
	defer os.RemoveAll(data)
	defer os.RemoveAll(weights)
	s, err := b.serve(ctx, data)
	if err != nil {
		return err
	}
	defer s.stop()
	if _, err := b.xiaoyu(ctx, s, "push", weights, "ada/model:1.0.0"); err != nil {
		return err
	}
	content, err := os.ReadFile(filepath.Join(weights, weightsFile))
	if err != nil {
		return err
	}
	size = int64(len(content))
	sum := sha256.Sum256(content)
	address := s.url + "/v2/ada/model/blobs/sha256:" + hex.EncodeToString(sum[:])
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	errs := make([]error, clients)
	begin := make(chan struct{})
	var wait sync.WaitGroup
	for i := range clients {
		wait.Go(func() {
			<-begin
			var h hash.Hash
			if i%20 == 0 {
				h = sha256.New()
			}
			errs[i] = download(ctx, client, address, size, h)
			if h != nil && errs[i] == nil && [32]byte(h.Sum(nil)) != sum {
				errs[i] = errors.New("another content came")
			}
		})
	}
	from := time.Now()
	close(begin)
	wait.Wait()
	took := time.Since(from)
	failed := 0
	for _, err := range errs {
		if err != nil {
			failed++
		}
	}
	memory, err := s.memory()
	if err != nil {
		return err
	}
	fmt.Printf("| downloads at once | each | errors | all together | memory of the server |\n|---:|---:|---:|---:|---:|\n| %d | %d MB | %d | %.1f s, %.0f MB/s | %d MB |\n\n",
		clients, size/1e6, failed, took.Seconds(), float64(clients)*float64(size)/1e6/took.Seconds(), memory/1e6)
	return errors.Join(errs...)
}

func download(ctx context.Context, client *http.Client, address string, size int64, h hash.Hash) error {
	r, err := http.NewRequestWithContext(ctx, "GET", address, nil)
	if err != nil {
		return err
	}
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	to := io.Discard
	if h != nil {
		to = h
	}
	n, err := io.Copy(to, answer.Body)
	if err == nil && (n != size || answer.StatusCode != http.StatusOK) {
		err = fmt.Errorf("%s, %d bytes of %d", strings.TrimSpace(answer.Status), n, size)
	}
	return err
}
