package agent_test

import _ "github.com/sentinel-dq/sentinel/warehouse/all" // the dialects that the tests run on
