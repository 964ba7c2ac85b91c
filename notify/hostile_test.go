package notify_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sentinel-dq/sentinel/notify"
)

// texts returns every text of a JSON value with the name of its field.
func texts(v any, name string, each func(name, text string)) {
	switch v := v.(type) {
	case string:
		each(name, v)
	case []any:
		for _, e := range v {
			texts(e, name, each)
		}
	case map[string]any:
		for k, e := range v {
			texts(e, k, each)
		}
	}
}

// TestNothingInDataIsMarkup holds for each chat that names and values of data mention
// nobody, make no link, and keep within the limits of the service.
func TestNothingInDataIsMarkup(t *testing.T) {
	t.Parallel()
	const hostile = "@everyone @here <!channel> <users/all> <@1> [a](https://evil.example) **b** `c` <b>d</b> "
	limits := map[string]map[string]int{
		"discord":    {"title": 256, "description": 4096, "name": 256, "value": 1024},
		"mattermost": {"text": 4000, "value": 4000, "title": 1000},
		"googlechat": {"title": 1000, "text": 4096},
		"ntfy":       {"message": 4096, "title": 1024},
	}
	for kind, forbidden := range map[string][]string{
		"discord":    {"@everyone", "@here", "<@1>", "](", "https://evil", "**b**", "`c`"},
		"mattermost": {"@everyone", "@here", "](", "https://evil", "**b**", "`c`"},
		"googlechat": {"<users/all>", "<b>"},
		"ntfy":       nil,
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			r := answering(t, says(200, `{"id":"1"}`))
			n := channel(t, channels[kind].configure(r.URL))
			long := incident(1)
			long.Message, long.Table.Name = strings.Repeat(hostile, 200), hostile
			long.Owner, long.Note, long.Runbook = hostile, strings.Repeat("ä`", 5000), "https://wiki.example.com/x"
			group := many(40)
			for i := range group {
				group[i].Table.Name = hostile + group[i].ID
			}
			for _, notice := range []notify.Notice{
				newNotice(notify.Opened, long), newNotice(notify.Recovered, resolved(long, 1)), newNotice(notify.Opened, group...),
			} {
				if _, err := n.Notify(t.Context(), notice); err != nil {
					t.Fatal(err)
				}
			}
			for _, got := range r.got() {
				var body any
				if err := json.Unmarshal([]byte(got.Body), &body); err != nil {
					t.Fatal(err)
				}
				total := 0
				texts(body, "", func(name, text string) {
					total += utf8.RuneCountInString(text)
					if limit := limits[kind][name]; limit > 0 && len([]rune(text)) > limit {
						t.Errorf("%s has %d characters", name, len([]rune(text)))
					}
					for _, f := range forbidden {
						if name != "fallbackText" && name != "title" && strings.Contains(text, f) {
							t.Errorf("%s holds %s: %.200s", name, f, text)
						}
					}
				})
				if kind == "discord" && total > 6000 || kind == "ntfy" && len(body.(map[string]any)["message"].(string)) > 4096 {
					t.Errorf("%d characters", total)
				}
				if kind == "discord" && !strings.Contains(got.Body, `"allowed_mentions":{"parse":[]}`) {
					t.Error("mentions are allowed")
				}
			}
		})
	}
}

// TestAChannelFallsBack holds that what a channel gives up is sent to its fallback with the
// reason, that the fallback hears of the end, and that notices do not go round.
func TestAChannelFallsBack(t *testing.T) {
	t.Parallel()
	refusing := answering(t, says(401, "token expired"))
	taking := answering(t, says(200, ""))
	a := newAgent(t, to("pager"))
	pager, mail := hook("pager", refusing), hook("mail", taking)
	pager.Fallback, mail.Fallback = "mail", "pager"
	stop := running(t, a.dispatcher(pager, mail))
	i := incident(1)
	a.record(night, i)
	eventually(t, "the fallback is notified", func() bool { return len(taking.got()) == 1 })
	body := taking.got()[0].Body
	for _, want := range []string{"pager did not take it", "token expired", i.ID} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is missing in %s", want, body)
		}
	}
	a.record(night, resolved(i, 0))
	eventually(t, "the fallback hears of the end", func() bool { return len(taking.got()) == 2 })
	stop()
	if n := len(refusing.got()); n != 1 {
		t.Errorf("the first channel was asked %d times", n)
	}
}
