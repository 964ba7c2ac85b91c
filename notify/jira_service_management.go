package notify

import (
	"context"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
)

func init() { Register("jira_service_management", func() Notifier { return &JiraServiceManagement{} }) }

// JiraServiceManagement creates, acknowledges and closes alerts of Jira Service Management.
// Its integration API takes what Opsgenie's did. See [Opsgenie].
type JiraServiceManagement struct {
	APIKey sentinel.Secret `yaml:"api_key" required:"true" doc:"Key of an API integration."`
	URL    string          `yaml:"url" default:"https://api.atlassian.com/jsm/ops/integration" doc:"Address of the API."`
	Teams  []string        `yaml:"teams" doc:"Responders. Default: the team of the integration."`
}

// Validate implements Notifier.
func (j *JiraServiceManagement) Validate() error {
	if err := settings.Complete(j); err != nil {
		return err
	}
	return j.alerts().Validate()
}

func (j *JiraServiceManagement) alerts() *Opsgenie {
	return &Opsgenie{APIKey: j.APIKey, URL: j.URL, Teams: j.Teams}
}

// Notify implements Notifier: one request an alert.
func (j *JiraServiceManagement) Notify(ctx context.Context, n Notice) (string, error) {
	return j.alerts().Notify(ctx, n)
}
