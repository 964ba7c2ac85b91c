package cluster

import (
	"context"

	"github.com/sentinel-dq/sentinel/notify"
)

// Deliverer makes one try to deliver a notice on any agent of the group. The
// notice has the same key whoever delivers it.
type Deliverer struct{ Member Submitter }

// Deliver implements notify.Deliverer.
func (d *Deliverer) Deliver(ctx context.Context, c notify.Channel, n notify.Notice) (ref string, err error) {
	if d.Member.Peers() == 0 {
		return notify.Local{}.Deliver(ctx, c, n)
	}
	done, err := do[notify.Delivery](ctx, d.Member, KindDelivery, deliveryTask{c.Name, n}, true)
	if err != nil {
		return "", err
	}
	return done.Result()
}
