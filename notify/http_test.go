package notify_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/notify"
)

// What a receiver answers decides whether and when there is another try.
func TestAnswers(t *testing.T) {
	t.Parallel()
	const permanent, transient = "permanent", "transient"
	for name, c := range map[string]struct {
		code  int
		after string
		want  string
		wait  time.Duration
	}{
		"400":               {400, "", permanent, 0},
		"401":               {401, "", permanent, 0},
		"404":               {404, "", permanent, 0},
		"408":               {408, "", transient, 0},
		"425":               {425, "", transient, 0},
		"429":               {429, "", transient, 0},
		"429, seconds":      {429, "120", transient, 2 * time.Minute},
		"503, date":         {503, night.Add(11 * time.Minute).Format(http.TimeFormat), transient, time.Minute},
		"503, a past date":  {503, night.Add(-time.Hour).Format(http.TimeFormat), transient, 0},
		"503, nonsense":     {503, "soon", transient, 0},
		"503, a year":       {503, "31536000", transient, time.Hour},
		"500":               {500, "", transient, 0},
		"a redirect":        {302, "", permanent, 0},
		"a long redirect":   {308, "", permanent, 0},
		"201":               {201, "", "", 0},
		"204":               {204, "", "", 0},
		"an unknown status": {599, "", transient, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := answering(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "http://169.254.169.254/latest/meta-data")
				if c.after != "" {
					w.Header().Set("Retry-After", c.after)
				}
				w.WriteHeader(c.code)
			})
			hook := channel(t, &notify.Webhook{URL: sentinel.NewSecret(r.URL)})
			_, err := hook.Notify(t.Context(), newNotice(notify.Opened, incident(1)))
			var final *notify.PermanentError
			var later *notify.RetryAfterError
			got := transient
			if err == nil {
				got = ""
			} else if errors.As(err, &final) {
				got = permanent
			}
			wait := time.Duration(0)
			if errors.As(err, &later) {
				wait = later.After
			}
			if got != c.want || wait != c.wait || len(r.got()) != 1 {
				t.Errorf("%q (%v), wait %s, %d requests", got, err, wait, len(r.got()))
			}
		})
	}
}

// Slack says with status 200 that it has not taken a message.
func TestSlackAnswers(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]bool{
		`{"ok":false,"error":"channel_not_found"}`: true,
		`{"ok":false,"error":"ratelimited"}`:       false,
		`no json`:                                  false,
	} {
		r := answering(t, says(200, answer))
		c := channel(t, &notify.Slack{Token: sentinel.NewSecret("x"), Channel: "c", URL: r.URL})
		_, err := c.Notify(t.Context(), newNotice(notify.Opened, incident(1)))
		var final *notify.PermanentError
		if err == nil || errors.As(err, &final) != want {
			t.Errorf("%s: %v", answer, err)
		}
	}
}

// Notices never go where clouds keep credentials.
func TestMetadataAddressesAreRefused(t *testing.T) {
	t.Parallel()
	for _, host := range []string{
		"169.254.169.254",
		"[fe80::1]",
		"[::ffff:169.254.169.254]",
		"[fd00:ec2::254]",
		"100.100.100.200",
		"224.0.0.1",
	} {
		c := channel(t, &notify.Webhook{URL: sentinel.NewSecret("http://" + host + ":1/x")})
		_, err := c.Notify(t.Context(), newNotice(notify.Opened, incident(1)))
		var final *notify.PermanentError
		if !errors.As(err, &final) || !strings.Contains(err.Error(), "allow_private") {
			t.Errorf("%s: %v", host, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // nothing is dialled
	c := channel(t, &notify.Webhook{URL: sentinel.NewSecret("http://169.254.169.254:1/x"), AllowPrivate: true})
	_, err := c.Notify(ctx, newNotice(notify.Opened, incident(1)))
	if !errors.Is(err, context.Canceled) {
		t.Error("allowed, but", err)
	}
}

// endless answers with a body that has no end, at once or drop by drop.
func endless(chunk string, pause time.Duration) func(int, http.ResponseWriter, *http.Request) {
	return func(_ int, w http.ResponseWriter, r *http.Request) {
		tick := time.NewTicker(max(pause, time.Nanosecond))
		defer tick.Stop()
		for {
			select {
			case <-r.Context().Done():
				return
			case <-tick.C:
			}
			if _, err := io.WriteString(w, chunk); err != nil {
				return
			}
			w.(http.Flusher).Flush()
		}
	}
}

// A receiver cannot fill the memory, nor hold a try beyond its time.
func TestEndlessAnswers(t *testing.T) {
	t.Parallel()
	flood := answering(t, endless(strings.Repeat("x", 1<<16), 0))
	hook := channel(t, &notify.Webhook{URL: sentinel.NewSecret(flood.URL)})
	if _, err := hook.Notify(t.Context(), newNotice(notify.Opened, incident(1))); err != nil {
		t.Error("a flood of an answer with status 200:", err)
	}
	drip := answering(t, endless("x", 10*time.Millisecond))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := channel(t, &notify.Webhook{URL: sentinel.NewSecret(drip.URL)}).Notify(ctx, newNotice(notify.Opened, incident(1)))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error("an answer drop by drop:", err)
	}
}

// No error shows a token, also when the receiver repeats it or cannot be reached.
func TestErrorsKeepSecrets(t *testing.T) {
	t.Parallel()
	r := answering(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(500)
		if _, err := io.WriteString(w, "no "+secret+" at "+r.URL.String()+" "+r.Header.Get("Authorization")); err != nil {
			panic(err)
		}
	})
	for _, base := range []string{r.URL, "http://127.0.0.1:1"} {
		for name, c := range channels {
			_, err := channel(t, c.configure(base)).Notify(t.Context(), newNotice(notify.Opened, incident(1)))
			if err == nil || strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
