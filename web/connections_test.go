package web_test

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// Connections that do nothing do not keep the server from answering, whether they have
// asked something before or not.
func TestIdleConnectionsAreClosedForNewOnes(t *testing.T) {
	t.Parallel()
	for name, asks := range map[string]bool{"after an answer": true, "silent": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := serve(t, sentinel.NewSecret("s3cret"), nil)
			address := strings.TrimPrefix(url, "http://")
			var held []net.Conn
			for range 300 {
				c, err := net.Dial("tcp", address)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				held = append(held, c)
				if !asks {
					continue
				}
				if _, err := c.Write([]byte("GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n")); err != nil {
					t.Fatal(err)
				}
				resp, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil || resp.StatusCode != http.StatusOK {
					t.Fatalf("connection %d: %v", len(held), err)
				}
			}
			client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
			resp, err := client.Get(url + "/-/healthy")
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			open := 0
			for _, c := range held {
				if err := c.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
					t.Fatal(err)
				}
				_, err := c.Read(make([]byte, 1))
				if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
					open++
				}
			}
			if resp.StatusCode != http.StatusOK || open > 128 {
				t.Errorf("%s, %d connections are open", resp.Status, open)
			}
		})
	}
}
