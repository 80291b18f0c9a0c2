//! What the user domain keeps.

use crate::secrets::{PasswordHash, TokenHash};
use kernel::ids::UserId;
use kernel::{Timestamp, record, text_enum};
use smol_str::SmolStr;
use uuid::Uuid;

text_enum! {
    /// What a user may do.
    pub enum Role {
        /// Buys.
        Customer = "customer",
        /// Runs the shop.
        Admin = "admin",
    }
}

text_enum! {
    /// Whether a user may do anything.
    pub enum UserStatus {
        /// May.
        Active = "ACTIVE",
        /// May not; refunds still reach them.
        Suspended = "SUSPENDED",
    }
}

record! {
    /// A user.
    pub struct User in "users" key 1 {
        /// Their id.
        pub id: UserId,
        /// Their address as they typed it.
        pub email: SmolStr,
        /// Their name.
        pub name: SmolStr,
        /// Their password's hash.
        pub password_hash: PasswordHash,
        /// What they may do.
        pub role: Role,
        /// Whether they may do anything.
        pub status: UserStatus,
        /// Counts changes.
        pub version: i64,
        /// When they signed up.
        pub created_at: Timestamp,
        /// When they last changed.
        pub updated_at: Timestamp,
    }
}

impl User {
    /// Whether they may do anything.
    #[must_use]
    pub fn is_active(&self) -> bool {
        match self.status {
            UserStatus::Active => true,
            UserStatus::Suspended => false,
        }
    }
}

record! {
    /// Whose an address is: what makes addresses unique, and where log-in begins.
    pub struct UserEmail in "user_emails" key 1 {
        /// The address as [`crate::email_key`] makes it.
        pub email_key: SmolStr,
        /// Whose.
        pub user_id: UserId,
    }
}

record! {
    /// One refresh token. Each can be used once; the row deletes itself when it expires.
    pub struct RefreshToken in "refresh_tokens" key 1 {
        /// Its hash.
        pub token_hash: TokenHash,
        /// Whose.
        pub user_id: UserId,
        /// The log-in that it descends from.
        pub family_id: Uuid,
        /// Until when it can be used (the moment itself is too late): the timer of its deletion.
        pub expires_at: Timestamp,
        /// Whether it was used.
        pub used: bool,
        /// When it was made.
        pub created_at: Timestamp,
    }
    index "refresh_tokens_due" (expires_at);
}

record! {
    /// All refresh tokens that descend from one log-in. The row deletes itself with the last of them.
    pub struct RefreshFamily in "refresh_families" key 1 {
        /// Its id.
        pub id: Uuid,
        /// Whose.
        pub user_id: UserId,
        /// Whether none of its tokens can be used any more, because one was used twice.
        pub revoked: bool,
        /// When its last token expires: the timer of its deletion.
        pub expires_at: Timestamp,
        /// When the user logged in.
        pub created_at: Timestamp,
    }
    index "refresh_families_due" (expires_at);
}
