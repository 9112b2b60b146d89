//! What rules are told of things as they are: a kernel that works, a clock set by hand, and our own
//! pack.

use super::{Watching, rules};
use domain::detections::Alert;
use domain::detections::coverage::Look;
use domain::register::Kept;
use domain::registers::{House, survey};
use testkit::World;

/// A world that is watched.
pub struct Watched {
    pub world: World,
    pub watching: Watching,
}

impl Watched {
    pub fn new(seed: u64) -> Self {
        let (rules, problems) = rules(None).unwrap();
        let watching = Watching::new(rules, problems, 30, None);
        let watched = Self { world: World::memory(seed), watching };
        watched.tick();
        watched
    }

    /// One tick, which gives the right to work, and a look at the registers as they are.
    pub fn tick(&self) {
        let ticked = self.world.kernel.tick(&|kernel, job, right| {
            if let Some(right) = right.again() {
                self.watching.allow(right);
            }
            domain::run_job(kernel, job, right)
        });
        ticked.unwrap();
        self.watching.show(&self.house());
    }

    fn house(&self) -> House {
        let kernel = &self.world.kernel;
        let look = Look::new(survey(kernel).unwrap());
        self.watching.right().unwrap().ask(kernel, look).unwrap()
    }

    /// Evaluates everything that there is; titles and suspects of the alerts so far.
    pub fn alerts(&self) -> Vec<(String, String)> {
        while self.watching.round(&self.world.kernel).unwrap() {}
        // What the server noticed by itself in that round is evaluated in the next one.
        while self.watching.round(&self.world.kernel).unwrap() {}
        let house = self.house();
        let all = house.all::<Alert>().iter();
        let one = |kept: &Kept<Alert>| (kept.row.title.clone(), kept.row.about.clone());
        all.map(one).collect()
    }
}
