"""AWS Security Hub, GuardDuty, and EC2 through AWS Config."""
