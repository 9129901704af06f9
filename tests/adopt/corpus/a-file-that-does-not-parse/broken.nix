{ users.users.root = 
