package hooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/settings"
)

// DBTCloud is a job of dbt Cloud, run through its administrative API v2.
type DBTCloud struct {
	URL          string          `yaml:"url" default:"https://cloud.getdbt.com" doc:"Address of dbt Cloud."`
	Account      int64           `yaml:"account" required:"true" doc:"Id of the account."`
	Job          int64           `yaml:"job" required:"true" doc:"Id of the job."`
	Token        sentinel.Secret `yaml:"token" required:"true" doc:"API token."`
	Poll         time.Duration   `yaml:"poll" default:"15s" doc:"How often the state is read."`
	AllowPrivate bool            `yaml:"allow_private" doc:"Allow link-local addresses."`
}

func (c *DBTCloud) validate() error {
	c.URL = strings.TrimRight(c.URL, "/")
	switch {
	case c.Account <= 0:
		return settings.Wrong("account", "want the id of the account")
	case c.Job <= 0:
		return settings.Wrong("job", "want the id of the job")
	case c.Token.IsZero():
		return settings.Wrong("token", "want an API token")
	}
	return errors.Join(checkShownURL("url", c.URL), checkDurations(0, c.Poll))
}

// describe is the request, for people.
func (c *DBTCloud) describe(arguments []string) string {
	text := "POST " + c.path("jobs", strconv.FormatInt(c.Job, 10), "run") + " cause " + runCause("{repair}")
	if len(arguments) > 0 {
		text += " steps_override dbt " + shellQuote(arguments)
	}
	return text
}

// runCause is what a run is found again by.
func runCause(repair string) string { return "sentinel repair " + repair }

func (c *DBTCloud) path(rest ...string) string {
	return c.URL + "/api/v2/accounts/" + strconv.FormatInt(c.Account, 10) + "/" + strings.Join(rest, "/") + "/"
}

// follow starts the run of a repair, or finds the one that exists, and follows it to
// its end.
func (c *DBTCloud) follow(ctx context.Context, run *repair.Run, arguments []string, timeout time.Duration) error {
	return follower{run: run, poll: c.Poll, timeout: timeout}.step(ctx, cloudRun{c, run, arguments}, false)
}

// cloudRun is the run of a dbt Cloud job for one repair.
type cloudRun struct {
	*DBTCloud
	run       *repair.Run
	arguments []string // of dbt; none leave the job as it is configured there
}

func (c cloudRun) submit(ctx context.Context) error {
	body := map[string]any{"cause": runCause(c.run.Repair.ID)}
	if len(c.arguments) > 0 {
		body["steps_override"] = []string{"dbt " + shellQuote(c.arguments)}
	}
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	to := c.path("jobs", strconv.FormatInt(c.Job, 10), "run")
	return authorized(ctx, c.run, c.DBTCloud, func() error {
		_, _, err := c.call(http.MethodPost, to, data).do(ctx, c.run)
		return err
	})
}

func (c *DBTCloud) call(method, to string, body []byte) httpCall {
	h := http.Header{"Authorization": {"Token " + c.Token.Reveal()}}
	return httpCall{Method: method, URL: to, Body: body, Header: h, Timeout: requestTimeout,
		Repeatable: method == http.MethodGet, AllowPrivate: c.AllowPrivate}
}

// recentRuns is how many runs of a job are searched for that of a repair.
const recentRuns = 100

// find returns the run whose cause has the repair's id, among the newest runs.
func (c cloudRun) find(ctx context.Context) (job, error) {
	j := job{Name: fmt.Sprintf("the run of dbt Cloud job %d", c.Job)}
	q := url.Values{
		"job_definition_id": {strconv.FormatInt(c.Job, 10)},
		"order_by":          {"-id"},
		"limit":             {strconv.Itoa(recentRuns)},
		"include_related":   {`["trigger"]`},
	}
	var runs struct {
		Data []struct {
			ID       int64                  `json:"id"`
			Status   int                    `json:"status"`
			Word     string                 `json:"status_humanized"`
			Message  string                 `json:"status_message"`
			Link     string                 `json:"href"`
			Trigger  struct{ Cause string } `json:"trigger"`
			Complete bool                   `json:"is_complete"`
		} `json:"data"`
	}
	err := authorized(ctx, c.run, c.DBTCloud, func() error {
		_, err := c.call(http.MethodGet, c.path("runs")+"?"+q.Encode(), nil).json(ctx, c.run, &runs)
		return err
	})
	if err != nil {
		return j, fmt.Errorf("reading the state of %s: %w", j.Name, err)
	}
	const success = 10 // of the API's run statuses
	for _, found := range runs.Data {
		if found.Trigger.Cause != runCause(c.run.Repair.ID) {
			continue
		}
		j.Name = fmt.Sprintf("run %d of dbt Cloud job %d", found.ID, c.Job)
		switch {
		case found.Status == success:
			j.State = jobDone
		case found.Complete:
			j.State, j.Why = jobFailed, strings.TrimSpace(found.Word+" "+found.Message+" "+found.Link)
		default:
			j.State, j.Why = jobRunning, found.Word
		}
		break
	}
	return j, nil
}
