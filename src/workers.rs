//! Worker threads for slow work, so that the server's own thread never blocks.
//!
//! Their number is fixed, and they start with the exporter: at the limit of tasks (`ulimit -u`, `TasksMax`) the system
//! refuses new threads, and starting one on demand would panic. A stopping exporter does not wait for them.
//!
//! **They never start a process.** The kernel ties an ssh master to the thread that started it (see
//! [`trampoline`](crate::probe::ssh::trampoline)), so only the process's first thread may start one.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

type Work = Box<dyn FnOnce() + Send>;

/// A pool of threads with a queue. Once it is dropped, the threads finish the queue and end.
#[derive(Debug)]
pub(crate) struct Workers {
    queue: SyncSender<Work>,
}

/// Why work has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WorkError {
    /// The queue is full.
    #[error("too much work is waiting already")]
    Full,
    /// It panicked, which is a bug; the log says where.
    #[error("the exporter panicked; its log says where")]
    Panicked,
}

impl Workers {
    /// Starts `threads` threads, for which at most `waiting` pieces of work may wait.
    ///
    /// # Errors
    /// When the system gives no further thread.
    pub(crate) fn start(name: &str, threads: usize, waiting: usize) -> io::Result<Self> {
        let (queue, work) = sync_channel::<Work>(waiting);
        let work = Arc::new(Mutex::new(work));
        for _ in 0..threads {
            let work = work.clone();
            std::thread::Builder::new().name(name.to_owned()).spawn(move || toil(&work))?;
        }
        Ok(Self { queue })
    }

    /// Runs work on one of the threads. Work is skipped if its caller has stopped waiting when its turn comes.
    ///
    /// # Errors
    /// At once, when too much waits already; and when the work panics.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, WorkError> {
        let (done, result) = oneshot::channel();
        let work = move || {
            if !done.is_closed() {
                // The caller may have stopped waiting meanwhile.
                let _ = done.send(work());
            }
        };
        self.queue.try_send(Box::new(work)).map_err(|_| WorkError::Full)?;
        result.await.map_err(|_| WorkError::Panicked)
    }
}

fn toil(work: &Mutex<Receiver<Work>>) {
    loop {
        // One thread waits for work, the others for the lock.
        let next = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(next) = next else { return };
        // The panic hook logs a panic; the caller notices it by the closed channel.
        let _ = catch_unwind(AssertUnwindSafe(next));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[tokio::test]
    async fn work_that_panics_leaves_its_thread_to_the_next() {
        let workers = Workers::start("test", 1, 1).unwrap();
        let panics = workers.run(|| panic!("as a bug would")).await;
        assert_eq!(panics, Err::<(), _>(WorkError::Panicked));
        assert_eq!(workers.run(|| 7).await, Ok(7));
    }

    #[tokio::test]
    async fn work_beyond_what_may_wait_is_refused_at_once() {
        let workers = Workers::start("test", 1, 1).unwrap();
        let (begun, begins) = channel();
        let (open, gate) = channel::<()>();
        let first = workers.run(move || {
            begun.send(()).unwrap();
            gate.recv().unwrap();
        });
        let mut first = Box::pin(first);
        assert!(polled(&mut first).await.is_none());
        begins.recv().unwrap();
        let mut second = Box::pin(workers.run(|| 2));
        assert!(polled(&mut second).await.is_none());
        assert_eq!(workers.run(|| 3).await, Err(WorkError::Full));
        open.send(()).unwrap();
        assert_eq!((first.await, second.await), (Ok(()), Ok(2)));
    }

    #[tokio::test]
    async fn work_that_no_caller_waits_for_is_skipped() {
        let workers = Workers::start("test", 1, 2).unwrap();
        let (open, gate) = channel::<()>();
        let mut first = Box::pin(workers.run(move || gate.recv().unwrap()));
        assert!(polled(&mut first).await.is_none());
        let (told, tells) = channel();
        let mut second = Box::pin(workers.run(move || told.send(()).unwrap()));
        assert!(polled(&mut second).await.is_none());
        drop(second);
        open.send(()).unwrap();
        first.await.unwrap();
        assert!(tells.recv().is_err(), "the work is gone without a word");
    }

    /// The result of polling a future once.
    async fn polled<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        std::future::poll_fn(|context| {
            std::task::Poll::Ready(match std::pin::Pin::new(&mut *future).poll(context) {
                std::task::Poll::Ready(output) => Some(output),
                std::task::Poll::Pending => None,
            })
        })
        .await
    }
}
