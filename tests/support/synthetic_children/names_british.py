"""Given names and surnames of the White British and Irish majority, most frequent first."""

from tests.support.synthetic_children.words import words

BOYS = words("""
Noah Oliver George Arthur Leo Harry Oscar Archie Jack Henry Charlie Theo Freddie Jacob Thomas
Alfie Luca William James Joshua Theodore Lucas Teddy Albie Finley Isaac Alexander Arlo Edward
Logan Ethan Joseph Max Harrison Roman Reuben Mason Benjamin Tommy Rory Hugo Louie Sebastian Jude
Elijah Daniel Samuel Reggie Hunter Ezra Louis Albert Rowan Caleb Ronnie Frankie Jaxon Toby Dylan
Felix Riley Adam Nathan Bobby Grayson Liam Zachary Jesse Elliot Kai Ralph Blake Gabriel Jenson
Carter Ellis Stanley Callum Jamie Connor Tyler Luke Matthew Cameron Ryan Harvey Aaron Rhys Owen
Lewis Kieran Brandon Declan Sonny Otis Ollie Seth Jayden Corey Bradley Kyle Jay Ashton Billy Zac
Patrick Cian Ciaran Sean Michael David Robert John Peter Stephen Andrew Christopher Nicholas
Dexter Jasper Austin Cody Leon Evan Taylor Morgan Rocco Vinnie Kit Barnaby Rupert Fergus Lachlan
Brody Tobias Ted Percy Monty Dominic Spencer Fraser Angus Hamish Malachy Oisin Cormac Eoin Fionn
Niall Shay Kaiden Bailey
""")

GIRLS = words("""
Olivia Amelia Isla Ava Lily Ivy Freya Florence Isabella Mia Willow Evie Poppy Elsie Grace Sienna
Ella Rosie Daisy Sophie Phoebe Evelyn Charlotte Millie Harper Matilda Maisie Penelope Emily Ruby
Isabelle Alice Emilia Luna Thea Bonnie Mila Aurora Sophia Ada Eva Jessica Orla Violet Erin Eliza
Mabel Lottie Robyn Molly Imogen Nancy Maeve Margot Delilah Hallie Harriet Edith Rose Darcie Chloe
Arabella Lola Georgia Bella Lucy Eleanor Amber Scarlett Summer Esme Lyla Holly Zara Lexi Gracie
Heidi Nellie Amelie Clara Tess Martha Myla Iris Ellie Megan Hannah Abigail Katie Leah Amy Lauren
Zoe Caitlin Jasmine Bethany Keira Paige Niamh Aoife Saoirse Ciara Roisin Sinead Libby Skye Faith
Hope Tilly Eden Ottilie Beatrice Francesca Anna Elizabeth Victoria Rebecca Rachel Sarah Laura
Madison Lacey Skyla Ayla Connie Betsy Beatrix Winnie Pippa Tabitha Annabelle Lydia Naomi Kayla
Shannon Courtney Demi Mollie Mya Alexa Autumn Felicity Jorgie Peyton Piper Quinn Frances Josephine
Cora Aria Nova Lilly Kara Neve Orlaith
""")

SURNAMES = words("""
Smith Jones Taylor Williams Brown Davies Evans Wilson Thomas Roberts Johnson Lewis Walker Robinson
Wood Thompson White Watson Jackson Wright Green Harris Cooper King Lee Martin Clarke James Morgan
Hughes Edwards Hill Moore Clark Harrison Scott Young Morris Hall Ward Turner Carter Phillips
Mitchell Patterson Adams Campbell Anderson Allen Cook Bailey Parker Miller Davis Murphy Price Bell
Baker Griffiths Kelly Simpson Marshall Collins Bennett Cox Richardson Fox Gray Rose Chapman Hunt
Robertson Shaw Reynolds Lloyd Ellis Richards Russell Wilkinson Graham Stewart Reid Murray Powell
Palmer Holmes Rogers Stevens Walsh Hunter Thomson Matthews Ross Owen Mason Knight Kennedy Butler
Saunders Cole Pearce Dean Foster Harvey Hudson Gibson Mills Berry Barnes Pearson Kaye Barker Booth
Armstrong Spencer Payne Webb Hart Burton Jenkins Perry Gordon Lane Johnston Hamilton Riley
Lawrence Grant Carr Wells Francis Fisher Stone Gardner Burns Webster Hawkins Dixon Cunningham
Duncan Lowe Andrews Day Ryan Dunn Arnold Wallace West Sharp Porter Stephens Bradley Henderson
Elliott Brooks Bird Newman Walters Watts Gilbert Hopkins May Sutton Hayes Nicholls Rice Hodgson
Ford Warren Barrett Peters Nicholson Goodwin Curtis Harding Atkinson Fletcher Lynch Gallagher
Doyle Byrne Quinn Brennan Nolan Doherty Duffy Burke Regan Daly Sweeney Maguire Farrell Keane Boyle
Flynn Hogan Connolly Kavanagh Whelan Higgins Moran Heath Bates Bull Yates Todd Frost Page Marsh
Nash Norris Parsons Osborne Poole Potter Pritchard Read Reeves Rowe Skinner Slater Steele Stokes
Summers Swift Thorpe Townsend Tucker Vaughan Vincent Wade Walton Weaver Wheeler Whittaker Wilkins
Winter Woodward Wyatt Abbott Akers Allsop Archer Ashby Bacon Bagshaw Banks Barlow Bartlett Baxter
Beech Benson Bishop Blackburn Bond Bowen Brady Briggs Browne Bryan Buckley Bush Byrd Cartwright
Chambers Charlton Coates Coleman Conway Crawford Cross Dale Dawson Dodd Donnelly Drew Dyer Eaton
Farmer Field Finch Fleming Freeman French Fuller Gibbs Giles Glover Godfrey Gough Greenwood
Gregory Griffin Hale Hancock Harper Hewitt Hobbs Holland Holt Horton Howard Howell Humphreys
Ingram Jarvis Jordan Joyce Kemp Kirk Lamb Leach Little Lucas Mann Manning Marsden Miles Moss
Naylor Neal North Norman Oliver O'Neill O'Brien O'Connor O'Sullivan Parry Rees Rowley Sanders
""")

# Rare surnames are put together: a beginning and an end, thousands of which are borne by somebody.
SURNAME_STARTS = words("""
Ack Ald Ash Ayl Bam Bar Beck Ben Birch Black Blen Bold Bos Brad Bram Brigh Brock Brom Buck Cal Car
Chad Ches Clay Clif Col Cop Cran Cros Crow Dal Dar Den Dor Dray Dun Eccle Eg El Far Fel Fen Gar
Gil Glad Gold Gran Had Hal Ham Har Hart Has Hather Hazel Hen Hes Hol Hors Hux Il Kel Ken Kim Kirk
Lang Lath Led Lin Lock Long Mar Mel Mid Mil Mor Nether New Nor Nut Oak Old Os Pem Pen Pick Pol
Pres Rad Ram Rath Red Rip Rock Ros Rush Ruther Sal San Sed Shel Shir Skel Som Stan Stap Strat Sun
Swin Tad Tam Tar Ten Thorn Til Tun Up Wad Wal War Wes Whit Wil Win Wor Wy Yar
""")

SURNAME_ENDS = words("""
ton well ley ford field worth ham wood stone bury by thwaite combe den don gate grave greave head
hill house hurst ing ington land lock low man mere more pole ridge sall shaw sley son stead ster
stock wick win yard croft bridge bourne borough
""")

SURNAME_PREFIXES = ("O'", "Mc", "Mac")
IRISH_STEMS = words("""
Carthy Grath Namara Guinness Dermott Kenna Mahon Donagh Elroy Alister Intyre Laughlin Manus Keown
Hale Brien Connor Neill Sullivan Reilly Rourke Dowd Hara Leary Shea Toole Malley Donovan Driscoll
Gorman
""")

JOINED_FIRSTS = {
    "female": words(
        "Ellie Lily Ava Amelia Isla Gracie Lacey Evie Poppy Daisy Lexi Mia Bobbi Maisy"
    ),
    "male": words("Jaxon Alfie Tommy Riley Kai Jayden Archie Billy Bobby Tyler Harley Logan"),
}
JOINED_LASTS = {
    "female": words("Mae Rose Grace Mai Leigh Louise May Jayne Ann Jo"),
    "male": words("Lee Jay James John Jack Ray Joe Junior Dean Tate"),
}

SECOND_GIVEN = {
    "female": words("Rose Grace Louise Mae Elizabeth May Jane Anne Marie Olivia Hope Faith"),
    "male": words("James John William Thomas George David Lee Michael Robert Edward Peter"),
}

PARENTS = {
    "female": words("""
Sarah Laura Gemma Emma Rebecca Claire Victoria Samantha Rachel Amy Jennifer Nicola Katie Lisa
Kelly Natalie Louise Michelle Hayley Hannah Helen Charlotte Joanne Lucy Elizabeth Leanne Danielle
Donna Katherine Stephanie Stacey Lauren Jessica Kirsty Kerry Zoe Jade Chelsea Siobhan Sinead
Aisling Megan Abigail Bethany Shannon Toni Carly Cheryl Holly Alison Tracey Karen Amanda Chantelle
Lindsey Marie
"""),
    "male": words("""
Christopher James David Daniel Michael Matthew Andrew Richard Paul Mark Thomas Adam Robert John
Lee Benjamin Steven Jonathan Craig Stephen Simon Nicholas Peter Anthony Alexander Gary Ian Ryan
Darren Barry Martin Kevin Philip Stuart Scott Ashley Dean Wayne Liam Sean Patrick Declan Kieran
Joseph Samuel Jamie Jason Shane Neil Gareth Luke Carl Aaron Jake Connor Nathan Karl Ross Joshua
Graham
"""),
}
