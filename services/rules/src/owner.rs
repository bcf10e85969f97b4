//! Takes partitions of the events topic when the log assigns them, and starts their workers.

use std::sync::Arc;

use async_trait::async_trait;
use homeroom_bus::{Error, Offset, Partition, PartitionOwner, Record};
use homeroom_chassis::TaskGroup;
use tokio::sync::mpsc;

use crate::publish::Publisher;
use crate::reference;
use crate::worker::{Shared, Worker};

pub(crate) struct Owner {
    pub shared: Arc<Shared>,
    pub tasks: TaskGroup,
    /// Names this process in the partition's row, for people.
    pub name: String,
}

#[async_trait]
impl PartitionOwner for Owner {
    async fn assign(&self, partition: Partition) -> Result<(Offset, mpsc::Sender<Vec<Record>>), Error> {
        let lease = self
            .shared
            .store
            .claim(partition.0, &self.name)
            .await
            .map_err(|error| Error::Unavailable(error.to_string()))?;
        // From here on the owner before can commit nothing more, so it has evaluated with no reference record beyond this.
        let reference = reference::end(&*self.shared.log).await?.0.max(lease.reference_offset);
        let limits = &self.shared.limits;
        let (sender, inbox) = mpsc::channel(limits.inbox_batches);
        let most_behind = i64::try_from(limits.publish_batches.saturating_mul(limits.batch_events)).unwrap_or(i64::MAX);
        let publisher = Publisher::start(&self.shared.store, &self.shared.log, &self.tasks, &lease, most_behind);
        let worker = Worker::new(Arc::clone(&self.shared), lease, reference, publisher);
        self.tasks.spawn("rules.worker", worker.run(inbox));
        tracing::info!(
            partition = partition.0,
            epoch = lease.epoch,
            next_offset = lease.next_offset,
            state_offset = lease.state_offset,
            "took a partition"
        );
        Ok((Offset(lease.state_offset), sender))
    }

    async fn revoke(&self, partition: Partition) {
        // The log drops the inbox's sender, and the worker ends when it has taken what is in it; the next owner's epoch fences the rest.
        tracing::info!(partition = partition.0, "gave a partition up");
    }
}
