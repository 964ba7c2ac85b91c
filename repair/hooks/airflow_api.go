package hooks

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/sentinel-dq/sentinel/repair"
)

// airflowAPI is Airflow's API as one step of a repair uses it.
type airflowAPI struct {
	*Airflow
	run *repair.Run
}

// airflowRequest is one request with the configured identity.
type airflowRequest struct {
	method, url string
	body        any  // sent as JSON; nil sends nothing
	repeatable  bool // a lost reply may simply be asked for again
	answer      any  // what the answer is decoded into; nil ignores it
}

// do makes a request and returns the answer's status.
func (a airflowAPI) do(ctx context.Context, r airflowRequest) (status int, err error) {
	err = authorized(ctx, a.run, a.Airflow, func() (err error) {
		status, err = a.doOnce(ctx, r)
		return err
	})
	return status, err
}

func (a airflowAPI) doOnce(ctx context.Context, r airflowRequest) (status int, err error) {
	c := httpCall{Method: r.method, URL: r.url, Timeout: requestTimeout, Repeatable: r.repeatable,
		AllowPrivate: a.AllowPrivate, Header: http.Header{}}
	if err := a.authorize(ctx, c.Header); err != nil {
		return 0, err
	}
	if r.body != nil {
		if c.Body, err = json.Marshal(r.body); err != nil {
			return 0, err
		}
	}
	if r.answer == nil {
		status, _, err := c.do(ctx, a.run)
		return status, err
	}
	return c.json(ctx, a.run, r.answer)
}

// get reads what an address holds into answer.
func (a airflowAPI) get(ctx context.Context, url string, answer any) (status int, err error) {
	return a.do(ctx, airflowRequest{method: http.MethodGet, url: url, repeatable: true, answer: answer})
}

// path is an address under a DAG.
func (a *Airflow) path(dag string, rest ...string) string {
	parts := []string{a.URL, "api", a.API, "dags", url.PathEscape(dag)}
	for _, p := range rest {
		parts = append(parts, url.PathEscape(p))
	}
	return strings.Join(parts, "/")
}

// authorize adds the credentials. Airflow 3 takes no password with a request: a token
// is requested with it first.
func (a airflowAPI) authorize(ctx context.Context, h http.Header) error {
	switch {
	case !a.Token.IsZero():
		h.Set("Authorization", "Bearer "+a.Token.Reveal())
		return nil
	case a.API == "v1":
		basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(a.User+":"+a.Password.Reveal()))
		a.run.Hide(basic)
		h.Set("Authorization", basic)
		return nil
	}
	data, err := json.Marshal(map[string]string{"username": a.User, "password": a.Password.Reveal()})
	if err != nil {
		return err
	}
	var got struct {
		Token string `json:"access_token"`
	}
	c := httpCall{Method: http.MethodPost, URL: a.URL + "/auth/token", Body: data, Timeout: requestTimeout,
		Repeatable: true, AllowPrivate: a.AllowPrivate}
	if _, err := c.json(ctx, a.run, &got); err != nil {
		return fmt.Errorf("logging in to Airflow: %w", err)
	}
	if got.Token == "" {
		return errors.New("logging in to Airflow: the answer has no access_token")
	}
	a.run.Hide(got.Token)
	h.Set("Authorization", "Bearer "+got.Token)
	return nil
}
