package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Objects in parts (https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html): nothing of them is visible
// before they are complete.
const (
	MinPart  = 5 << 20 // bytes; only the last may be smaller
	MaxParts = 10_000
	maxCopy  = 1 << 30 // bytes; larger objects are copied in parts
)

// Part is one that is stored.
type Part struct {
	Number int    `xml:"PartNumber" json:"number"` // from 1
	ETag   string `xml:"ETag" json:"etag"`         // what names its content
	Size   int64  `xml:"-" json:"size"`            // bytes
}

// Begin begins an object in parts and returns the upload's name.
func (b *Bucket) Begin(ctx context.Context, key string) (upload string, err error) {
	var answer struct{ UploadId string }
	err = b.ask(ctx, question{method: http.MethodPost, key: key, query: url.Values{"uploads": {""}}, header: map[string]string{"Content-Type": "application/octet-stream"}}, &answer)
	return answer.UploadId, err
}

// PutPart stores a part, in the place of one of the same number.
func (b *Bucket) PutPart(ctx context.Context, key, upload string, n int, content []byte) (Part, error) {
	answer, err := b.do(ctx, question{method: http.MethodPut, key: key, query: url.Values{"partNumber": number(n), "uploadId": {upload}}, body: content})
	if err != nil {
		return Part{}, err
	}
	return Part{n, answer.Header.Get("ETag"), int64(len(content))}, answer.Body.Close()
}

// Complete makes an object of its parts; see IsOtherPart.
func (b *Bucket) Complete(ctx context.Context, key, upload string, parts []Part) error {
	body, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"CompleteMultipartUpload"`
		Part    []Part
	}{Part: parts})
	if err != nil {
		return err
	}
	var done struct{ ETag string }
	return b.ask(ctx, question{method: http.MethodPost, key: key, query: url.Values{"uploadId": {upload}}, body: body}, &done)
}

// Abort forgets an upload in parts; one that is not there is no error.
func (b *Bucket) Abort(ctx context.Context, key, upload string) error {
	answer, err := b.do(ctx, question{method: http.MethodDelete, key: key, query: url.Values{"uploadId": {upload}}})
	if IsNoUpload(err) || errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

// IsNoUpload tells the error of an upload in parts that is not there: it has ended, or was never begun.
func IsNoUpload(err error) bool { return hasCode(err, "NoSuchUpload") }

// IsOtherPart tells the error of parts of which one has another content by now, or is gone.
func IsOtherPart(err error) bool { return hasCode(err, "InvalidPart") }

func hasCode(err error, code string) bool {
	var r *Refusal
	return errors.As(err, &r) && r.Code == code
}

// Upload is an object in parts that has not ended.
type Upload struct {
	Key, ID string
	Begun   time.Time
}

// Uploads returns those whose keys begin with a prefix.
func (b *Bucket) Uploads(ctx context.Context, prefix string) (list []Upload, err error) {
	q := url.Values{"uploads": {""}, "prefix": {b.prefix + prefix}}
	for {
		var page struct {
			Upload []struct {
				Key, UploadId string
				Initiated     time.Time
			}
			IsTruncated                       bool
			NextKeyMarker, NextUploadIdMarker string
		}
		if err := b.ask(ctx, question{method: http.MethodGet, query: q}, &page); err != nil {
			return nil, err
		}
		for _, u := range page.Upload {
			if strings.HasPrefix(u.Key, b.prefix+prefix) { // not every server minds the prefix
				list = append(list, Upload{strings.TrimPrefix(u.Key, b.prefix), u.UploadId, u.Initiated})
			}
		}
		if !page.IsTruncated || page.NextKeyMarker == "" {
			return list, nil
		}
		q.Set("key-marker", page.NextKeyMarker)
		q.Set("upload-id-marker", page.NextUploadIdMarker)
	}
}

// Copy makes an object of another one of a size within the bucket, without its content coming here.
func (b *Bucket) Copy(ctx context.Context, from, to string, size int64) error {
	source := map[string]string{"X-Amz-Copy-Source": escape(b.path(from), true)}
	var done struct{ ETag string }
	if size <= maxCopy {
		return b.ask(ctx, question{method: http.MethodPut, key: to, header: source}, &done)
	}
	upload, err := b.Begin(ctx, to)
	if err != nil {
		return err
	}
	var parts []Part
	for at := int64(0); at < size && err == nil; at += maxCopy {
		end := min(at+maxCopy, size)
		source["X-Amz-Copy-Source-Range"] = fmt.Sprintf("bytes=%d-%d", at, end-1)
		n := len(parts) + 1
		err = b.ask(ctx, question{method: http.MethodPut, key: to, query: url.Values{"partNumber": number(n), "uploadId": {upload}}, header: source}, &done)
		parts = append(parts, Part{n, done.ETag, end - at})
	}
	if err == nil {
		err = b.Complete(ctx, to, upload, parts)
	}
	if err != nil {
		return errors.Join(err, b.Abort(context.WithoutCancel(ctx), to, upload))
	}
	return nil
}

// Make makes the bucket, for tests and first steps; one that is there is no error.
func (b *Bucket) Make(ctx context.Context) error {
	answer, err := b.do(ctx, question{method: http.MethodPut})
	if hasCode(err, "BucketAlreadyOwnedByYou") || hasCode(err, "BucketAlreadyExists") {
		return nil
	}
	if err != nil {
		return err
	}
	return answer.Body.Close()
}
