// Command screens takes pictures of pages in a browser: at 1280 and 390 px, light and dark.
//
//	go run ./screens -out DIR                                    of a sample
//	go run ./screens -out DIR -url http://127.0.0.1:9780 overview=/ datasets=/datasets
//
// It needs Chromium.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

func main() {
	url := flag.String("url", "", "address of an agent; by default that of a sample")
	out := flag.String("out", ".", "folder of the pictures")
	token := flag.String("token", "", "token to read the pages with; by default they are read as by anybody")
	flag.Parse()
	if err := start(*url, *out, *token, flag.Args()); err != nil {
		log.Fatal(err)
	}
}

// screensOfSample are the pictures that are taken of the sample.
var screensOfSample = []string{
	"overview=/", "datasets=/datasets", "dataset=/datasets/shop/public/payments", "lineage=/lineage?of=shop.public.payments",
	"docs=/docs/checks/freshness.md", "login=/login", "incident=/incidents/i-payments", "incidents=/incidents",
	"history=/history", "history-repairs=/history/repairs", "audit=/history/audit", "report=/history/report?month=2026-11",
	"silences=/silences", "unwatched=/datasets/unwatched", "proposal=/datasets/unwatched/proposal?of=shop.public.refunds",
}

// start takes pictures of an agent, or of the sample where there is no address.
func start(url, out, token string, screens []string) (err error) {
	if url != "" {
		return run(url, out, token, screens)
	}
	dir, err := os.MkdirTemp("", "sentinel-screens-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	url, ended, err := serveSample(ctx, dir)
	if err != nil {
		return err
	}
	if len(screens) == 0 {
		screens = screensOfSample
	}
	err = run(url, out, sampleToken, screens)
	stop()
	return errors.Join(err, <-ended)
}

func run(url, out, token string, screens []string) (err error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox)
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	defer stop()
	ctx, stop = chromedp.NewContext(ctx)
	defer stop()
	if err := chromedp.Do(ctx); err != nil { // starts the browser
		return err
	}
	ctx, stop = context.WithTimeout(ctx, 15*time.Minute)
	defer stop()
	for _, s := range screens {
		name, path, ok := strings.Cut(s, "=")
		if !ok {
			return fmt.Errorf("%q: want NAME=PATH", s)
		}
		for _, width := range []int64{1280, 390} {
			for _, scheme := range []string{"light", "dark"} {
				file := filepath.Join(out, fmt.Sprintf("%s-%d-%s.png", name, width, scheme))
				err = errors.Join(err, picture(ctx, shot{url + path, file, scheme, width}, token))
			}
		}
	}
	return err
}

// shot is one picture that is taken.
type shot struct {
	url, file, scheme string
	width             int64
}

// picture takes one picture of a whole page, as whoever has a token; "": as anybody.
func picture(ctx context.Context, s shot, token string) error {
	url := s.url
	err := chromedp.Do(ctx,
		chromedp.EmulateViewport(s.width, 900),
		chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: s.scheme}}
			_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
			return err
		}),
		chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			headers := network.Headers{}
			if token != "" {
				headers["Authorization"] = "Bearer " + token
			}
			_, err := cdp.Call(ctx, t, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: headers})
			return err
		}),
		chromedp.Navigate(url),
		chromedp.WaitReady("#main"),
	)
	if err != nil {
		return fmt.Errorf("%s: %w", url, err)
	}
	overflow, err := chromedp.Run(ctx, chromedp.Evaluate[int](`document.documentElement.scrollWidth - innerWidth`))
	if err != nil {
		return fmt.Errorf("%s: %w", url, err)
	}
	if overflow > 0 {
		fmt.Printf("%s is %d px wider than %d\n", url, overflow, s.width)
	}
	taken, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		return fmt.Errorf("%s: %w", url, err)
	}
	small, err := fewColours(taken)
	if err != nil {
		return fmt.Errorf("%s: %w", url, err)
	}
	return os.WriteFile(s.file, small, 0o644)
}

// fewColours reduces a picture to its 256 most frequent colours: pages have few.
func fewColours(data []byte) ([]byte, error) {
	whole, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	counts := map[color.Color]int{}
	box := whole.Bounds()
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			counts[whole.At(x, y)]++
		}
	}
	colours := slices.SortedFunc(maps.Keys(counts), func(a, b color.Color) int { return counts[b] - counts[a] })
	small := image.NewPaletted(box, colours[:min(256, len(colours))])
	nearest := map[color.Color]uint8{}
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			c := whole.At(x, y)
			at, known := nearest[c]
			if !known {
				at = uint8(small.Palette.Index(c))
				nearest[c] = at
			}
			small.SetColorIndex(x, y, at)
		}
	}
	var out bytes.Buffer
	err = (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, small)
	return out.Bytes(), err
}
