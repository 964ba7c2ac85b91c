// Command screens takes pictures of pages in a browser: at 1280 and 390 px, light and dark.
//
//	go run ./screens -url http://127.0.0.1:9780 -out DIR overview=/ datasets=/datasets
//
// It needs Chromium.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

func main() {
	url := flag.String("url", "http://127.0.0.1:9780", "address of the agent")
	out := flag.String("out", ".", "folder of the pictures")
	flag.Parse()
	if err := run(*url, *out, flag.Args()); err != nil {
		log.Fatal(err)
	}
}

func run(url, out string, screens []string) (err error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox)
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	defer stop()
	ctx, stop = chromedp.NewContext(ctx)
	defer stop()
	if err := chromedp.Do(ctx); err != nil { // starts the browser
		return err
	}
	ctx, stop = context.WithTimeout(ctx, 5*time.Minute)
	defer stop()
	for _, s := range screens {
		name, path, ok := strings.Cut(s, "=")
		if !ok {
			return fmt.Errorf("%q: want NAME=PATH", s)
		}
		for _, width := range []int64{1280, 390} {
			for _, scheme := range []string{"light", "dark"} {
				file := filepath.Join(out, fmt.Sprintf("%s-%d-%s.png", name, width, scheme))
				err = errors.Join(err, picture(ctx, url+path, file, width, scheme))
			}
		}
	}
	return err
}

// picture takes one picture of a whole page.
func picture(ctx context.Context, url, file string, width int64, scheme string) error {
	err := chromedp.Do(ctx,
		chromedp.EmulateViewport(width, 900),
		chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}
			_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
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
		fmt.Printf("%s is %d px wider than %d\n", url, overflow, width)
	}
	image, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		return fmt.Errorf("%s: %w", url, err)
	}
	return os.WriteFile(file, image, 0o644)
}
