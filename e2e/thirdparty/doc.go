// Package thirdparty holds tests alone: see python_test.go.
package thirdparty
