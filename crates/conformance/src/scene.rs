//! A scene, and the stage that it is played on.

use crate::deployment::{Basket, Deployment, Needs, Payment, Terms};

/// A short play, and the books that it must end in.
#[derive(Clone, Copy)]
pub struct Scene {
    /// A few words; unique.
    pub name: &'static str,
    /// How the deployment must be set.
    pub terms: Terms,
    /// What it needs besides.
    pub needs: Needs,
    /// What happens.
    pub play: fn(&mut Stage<'_>),
    /// A line per thing that was brought on stage, as [`crate::books::Books::lines`] writes them; ` | ` between what is equally right.
    pub expect: &'static str,
}

impl Scene {
    /// A scene for every deployment.
    #[must_use]
    pub const fn new(name: &'static str, play: fn(&mut Stage<'_>), expect: &'static str) -> Self {
        Self { name, terms: Terms::Usual, needs: Needs::Nothing, play, expect }
    }

    /// On other terms.
    #[must_use]
    pub const fn on(self, terms: Terms) -> Self {
        Self { terms, ..self }
    }

    /// Only where this is met.
    #[must_use]
    pub const fn needs(self, needs: Needs) -> Self {
        Self { needs, ..self }
    }
}

/// A deployment on which every name belongs to one scene.
pub struct Stage<'a> {
    deployment: &'a mut dyn Deployment,
    scene: &'static str,
}

impl<'a> Stage<'a> {
    /// The stage of `scene`.
    pub fn new(deployment: &'a mut dyn Deployment, scene: &'static str) -> Self {
        Self { deployment, scene }
    }

    fn own(&self, name: &str) -> String {
        format!("{}/{name}", self.scene)
    }

    fn own_payment(&self, payment: &Payment) -> Payment {
        Payment { coupon: payment.coupon.as_deref().map(|coupon| self.own(coupon)), ..payment.clone() }
    }

    /// See [`Deployment::customer`].
    pub fn customer(&mut self, name: &str, points: i64) {
        self.deployment.customer(&self.own(name), points);
    }

    /// See [`Deployment::suspend`].
    pub fn suspend(&mut self, customer: &str) {
        self.deployment.suspend(&self.own(customer));
    }

    /// See [`Deployment::product`].
    pub fn product(&mut self, name: &str, price: i64, stock: i64) {
        self.deployment.product(&self.own(name), price, stock);
    }

    /// See [`Deployment::reprice`].
    pub fn reprice(&mut self, product: &str, price: i64) {
        self.deployment.reprice(&self.own(product), price);
    }

    /// See [`Deployment::coupon`].
    pub fn coupon(&mut self, name: &str, owner: &str, off: i64) {
        self.deployment.coupon(&self.own(name), &self.own(owner), off);
    }

    /// Queues an order under a key of its own.
    pub fn order(&mut self, name: &str, basket: &Basket) {
        self.order_under(name, name, basket);
    }

    /// See [`Deployment::order`].
    pub fn order_under(&mut self, name: &str, key: &str, basket: &Basket) {
        let basket = Basket {
            customer: self.own(&basket.customer),
            lines: basket.lines.iter().map(|(product, count)| (self.own(product), *count)).collect(),
            payment: basket.payment.as_ref().map(|payment| self.own_payment(payment)),
        };
        self.deployment.order(&self.own(name), &self.own(key), &basket);
    }

    /// Places an order, and waits for rest.
    pub fn buy(&mut self, name: &str, basket: &Basket) {
        self.order(name, basket);
        self.rest();
    }

    /// Pays an order, and waits for rest.
    pub fn pay(&mut self, order: &str, payment: &Payment) {
        self.deployment.pay(&self.own(order), &self.own_payment(payment));
        self.rest();
    }

    /// Queues a cancel.
    pub fn cancel(&mut self, order: &str) {
        self.deployment.cancel(&self.own(order));
    }

    /// See [`Deployment::rest`].
    pub fn rest(&mut self) {
        self.deployment.rest();
    }

    /// See [`Deployment::pass`].
    pub fn pass(&mut self, seconds: u64) {
        self.deployment.pass(seconds);
    }

    /// See [`Deployment::gateway_stuck`].
    pub fn gateway_stuck(&mut self, stuck: bool) {
        self.deployment.gateway_stuck(stuck);
    }

    /// See [`Deployment::platform_refuses`].
    pub fn platform_refuses(&mut self, refuses: bool) {
        self.deployment.platform_refuses(refuses);
    }
}
